/* What dockerd keeps of each container beneath its data root (moby, daemon/container): the same as its API
 * tells, for who may read files of root's (CAP_DAC_READ_SEARCH) and not ask its socket, which is as good as
 * root.
 *
 * Limits are not taken from there: `docker update` changes them in these files, and what the container was
 * started with is in its bundle, as are its user and capabilities. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "collectors/identity/docker_root.h"
#include "collectors/identity/identity.h"
#include "collectors/open.h"
#include "proctor/cleanup.h"

enum { ID_LENGTH = 64 };

static bool is_id(const char *text)
{
	return strspn(text, "0123456789abcdef") == ID_LENGTH && !text[ID_LENGTH];
}

/* The hexadecimal part of `sha256:…`; NULL when it is none. */
static const char *digest_digits(const char *digest)
{
	static const char algorithm[] = "sha256:";
	size_t length = strlen(algorithm);

	return digest && !strncmp(digest, algorithm, length) && is_id(digest + length) ? digest + length
										       : NULL;
}

/* A file as JSON; NULL when it is not there or, which is noted, is none. */
static json_t *read_document(struct identification *identification, int directory, const char *path)
{
	if (!identity_read_file(identification, directory, path))
		return NULL;
	return identity_parse(identification, identification->buffer.data, identification->buffer.length,
			      path);
}

/* ---- the image --------------------------------------------------------------------------------- */

static bool is_driver(const char *name)
{
	return name && *name && !name[strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-")];
}

/* The configuration of its image (image-spec, config.md); NULL: it is not kept there. */
static json_t *read_image(struct identification *identification, const char *root, const json_t *document,
			  const char *image_id)
{
	const char *driver = json_string_value(json_object_get(document, "Driver"));
	const char *digits = digest_digits(image_id), *path;

	if (!digits || !is_driver(driver) || strlen(driver) > NAME_MAX)
		return NULL;
	path = arena_printf(identification->snapshot->arena, "%s/image/%s/imagedb/content/sha256/%s", root,
			    driver, digits);
	identification->failed |= !path;
	return path ? read_document(identification, identification->root, path) : NULL;
}

static void read_labels(struct identification *identification, const char *root, const json_t *document,
			struct claim *claim)
{
	identity_labels(identification, claim,
			json_object_get(json_object_get(document, "Config"), "Labels"));
	if (!claim->label_count)
		return;
	_cleanup_json_ json_t *image = read_image(identification, root, document, claim->image_id);
	claim_mark_image_labels(claim, json_object_get(image, "config"));
}

/* ---- the container ----------------------------------------------------------------------------- */

/* `/web`. */
static const char *read_name(struct identification *identification, const json_t *document)
{
	const char *name = identity_text(identification, document, "Name");

	return name && name[0] == '/' && name[1] && !strchr(name + 1, '/') ? name + 1 : NULL;
}

/* Who is not privileged may have been given all that privilege is, one by one: that says nothing. */
static void read_host_configuration(const json_t *document, struct declared *declared)
{
	const json_t *read_only = json_object_get(document, "ReadonlyRootfs");

	if (json_is_true(json_object_get(document, "Privileged"))) {
		declared->privileged = true;
		declared->known |= DECLARED_PRIVILEGED;
	}
	if (json_is_boolean(read_only)) {
		declared->read_only = json_is_true(read_only);
		declared->known |= DECLARED_READ_ONLY;
	}
}

static void read_container(struct identification *identification, const char *root, const json_t *document,
			   struct claim *claim)
{
	const char *image = identity_text(identification, json_object_get(document, "Config"), "Image");

	claim->runtime = "docker";
	claim->runtime_name = read_name(identification, document);
	if (image && strncmp(image, "sha256:", strlen("sha256:")) != 0)
		claim->image = image;
	claim->image_id = identity_text(identification, document, "Image");
	read_labels(identification, root, document, claim);
}

/* ---- its directory ----------------------------------------------------------------------------- */

/* Whether nobody writes to it but whose the host's root directory is. */
static bool is_of_host(const struct identification *identification, int directory)
{
	struct stat facts, host;

	return !fstat(directory, &facts) && !fstat(identification->root, &host) &&
	       facts.st_uid == host.st_uid && !(facts.st_mode & (S_IWGRP | S_IWOTH));
}

/* -1: it is not there, or, which is noted, not to be read or believed. */
static int open_directory(struct identification *identification, const char *path)
{
	int directory = open_through_mounts(identification->root, path, O_PATH | O_DIRECTORY);

	if (directory < 0) {
		if (errno != ENOENT && errno != ENOTDIR)
			identity_note(identification, "Docker's files of a container cannot be read", path,
				      identification->source->remedy);
		return -1;
	}
	if (is_of_host(identification, directory))
		return directory;
	identity_note(identification,
		      "Docker's files of a container are not believed: others than the host's root may write "
		      "them",
		      path, NULL);
	close(directory);
	return -1;
}

/* False: no such container is there. */
static bool claim_in_root(struct identification *identification, const char *root,
			  const struct container *container)
{
	const char *path =
		arena_printf(identification->snapshot->arena, "%s/containers/%s", root, container->id);
	_cleanup_close_ int directory = path ? open_directory(identification, path) : -1;
	struct claim claim = {.runtime = NULL};
	const char *id;

	identification->failed |= !path;
	if (directory < 0)
		return false;
	_cleanup_json_ json_t *document = read_document(identification, directory, "config.v2.json");
	id = json_string_value(json_object_get(document, "ID"));
	if (document && (!id || strcmp(id, container->id) != 0))
		identity_note(identification, "Docker's files of a container tell of another one", path,
			      NULL);
	if (!document || !id || strcmp(id, container->id) != 0)
		return false;
	_cleanup_json_ json_t *host = read_document(identification, directory, "hostconfig.json");
	read_container(identification, root, document, &claim);
	read_host_configuration(host, &claim.declared);
	identity_claim(identification, container, &claim);
	return true;
}

/* ---- all of them ------------------------------------------------------------------------------- */

static bool is_wanted(const struct identification *identification, const struct container *container)
{
	return is_id(container->id) && (!container->runtime || !strcmp(container->runtime, "docker")) &&
	       !identity_is_told(identification, container, &source_docker);
}

static void find_container(struct identification *identification, const struct docker_roots *roots,
			   const struct container *container)
{
	for (size_t i = 0; i < roots->count; i++)
		if (claim_in_root(identification, roots->paths[i], container))
			return;
}

static void read_source(struct identification *identification)
{
	const struct snapshot *snapshot = identification->snapshot;
	struct docker_roots roots;
	bool found = false;

	for (size_t i = 0; identification->root >= 0 && i < snapshot->container_count; i++) {
		const struct container *container = snapshot->containers[i];
		if (!is_wanted(identification, container))
			continue;
		if (!found)
			docker_roots_find(identification, &roots);
		found = true;
		find_container(identification, &roots, container);
	}
}

const struct source source_docker_files = {
	.name = "docker-files",
	.what = "Docker's data root",
	.remedy = "run as root, or with CAP_DAC_READ_SEARCH, and see that dockerd is well",
	.read = read_source,
};
