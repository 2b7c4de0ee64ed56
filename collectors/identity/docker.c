/* Docker's API (Engine API v1.24 and later): containers and images in one request each. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "collectors/identity/identity.h"
#include "proctor/cleanup.h"

static const char default_socket[] = "/var/run/docker.sock";

/* Where nothing is said of a socket, one that is not there is none to ask; nor is any that another would ask.
 */
static const char *socket_of(const struct request *request)
{
	struct stat facts;

	if (request->docker_socket || request->fetch)
		return request->docker_socket;
	return stat(default_socket, &facts) && (errno == ENOENT || errno == ENOTDIR) ? NULL : default_socket;
}

static void ask(struct identification *identification)
{
	identification->docker_socket = socket_of(identification->request);
	identity_ask(identification, ENDPOINT_DOCKER_CONTAINERS);
	identity_ask(identification, ENDPOINT_DOCKER_IMAGES);
}

/* ---- images ------------------------------------------------------------------------------------ */

/* The digest in `shop/web@sha256:…`; NULL for `<none>@<none>`. */
static const char *digest_in(const char *reference)
{
	const char *at = strrchr(reference, '@');

	return at && !strncmp(at + 1, "sha256:", strlen("sha256:")) ? at + 1 : NULL;
}

/* Whether an image reference and a digest's are of the same repository. */
static bool is_of_repository(const char *reference, const char *image)
{
	size_t length = strcspn(reference, "@");

	return image && !strncmp(reference, image, length) && (!image[length] || strchr(":@", image[length]));
}

/* The images by their ids, so that each container finds its own at once. */
static json_t *index_images(struct identification *identification, json_t *images)
{
	json_t *index = json_object(), *image;
	size_t i;

	identification->failed |= !index;
	json_array_foreach(images, i, image)
	{
		const char *id = json_string_value(json_object_get(image, "Id"));
		if (id && json_object_set(index, id, image))
			identification->failed = true;
	}
	return index;
}

/* The digest by which an image was pulled: of the repository that the container names, else of any. */
static const char *image_digest(struct identification *identification, const json_t *image, const char *name)
{
	const json_t *digest;
	const char *found = NULL;
	size_t i;

	json_array_foreach(json_object_get(image, "RepoDigests"), i, digest)
	{
		const char *reference = json_string_value(digest);
		if (reference && digest_in(reference) && (!found || is_of_repository(reference, name)))
			found = digest_in(reference);
	}
	if (!found || strlen(found) > IDENTITY_TEXT_MAX)
		return NULL;
	found = arena_string(identification->snapshot->arena, found);
	identification->failed |= !found;
	return found;
}

/* ---- containers -------------------------------------------------------------------------------- */

/* Its own name, `/web`, among those that links gave it: `/proxy/web`. */
static const char *own_name(struct identification *identification, const json_t *container)
{
	const json_t *names = json_object_get(container, "Names"), *name;
	const char *copy = NULL;
	size_t i;

	json_array_foreach(names, i, name)
	{
		const char *text = json_string_value(name);
		if (!text || text[0] != '/' || strchr(text + 1, '/') || strlen(text) > IDENTITY_TEXT_MAX)
			continue;
		copy = arena_string(identification->snapshot->arena, text + 1);
		identification->failed |= !copy;
		break;
	}
	return copy;
}

static void read_container(struct identification *identification, const json_t *entry, const json_t *images)
{
	const struct container *container =
		identity_subject(identification, identity_text(identification, entry, "Id"));
	struct claim claim = {.runtime = "docker"};
	const char *name;
	const json_t *image;

	if (!container)
		return;
	claim.runtime_name = own_name(identification, entry);
	name = identity_text(identification, entry, "Image");
	claim.image_id = identity_text(identification, entry, "ImageID");
	image = claim.image_id ? json_object_get(images, claim.image_id) : NULL;
	/* A container whose tag has been given to another image since is listed by its image's id. */
	if (name && strncmp(name, "sha256:", strlen("sha256:")) != 0)
		claim.image = name;
	claim.image_digest = image_digest(identification, image, name);
	identity_labels(identification, &claim, json_object_get(entry, "Labels"));
	claim_mark_image_labels(&claim, image);
	identity_claim(identification, container, &claim);
}

static void read_source(struct identification *identification)
{
	_cleanup_json_ json_t *containers = identity_answer(identification, ENDPOINT_DOCKER_CONTAINERS);
	_cleanup_json_ json_t *images =
		containers ? identity_answer(identification, ENDPOINT_DOCKER_IMAGES) : NULL;
	_cleanup_json_ json_t *index = index_images(identification, images);
	const json_t *entry;
	size_t i;

	if (containers && !json_is_array(containers))
		identity_note(identification, "Docker's API tells no list of containers", NULL, NULL);
	json_array_foreach(containers, i, entry) read_container(identification, entry, index);
}

const struct source source_docker = {
	.name = "docker",
	.what = "Docker's API",
	.remedy = "run as root, see that dockerd is well, or name its socket by --docker-socket",
	.ask = ask,
	.read = read_source,
};
