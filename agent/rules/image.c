/* Where the image of a container comes from, and whether it will be the same one next time. */
#include <string.h>

#include "agent/rules/context.h"
#include "agent/rules/image_reference.h"
#include "agent/rules/remedy.h"

/* True where an orchestrator pulls the image anew for each start: on a single machine the one that is there
 * is taken. */
static bool is_pulled_anew(const struct container *container)
{
	return container->kind && strcmp(container->kind, "standalone") != 0;
}

/* ---- image.mutable-tag ------------------------------------------------------------------------- */

static bool is_moving(const struct image_reference *reference)
{
	return !reference->tag.length || (reference->tag.length == strlen("latest") &&
					  !strncmp(reference->tag.data, "latest", reference->tag.length));
}

static enum severity judge_mutable_tag(const struct subject *subject, struct verdict *verdict)
{
	const struct container *container = subject->container;
	struct image_reference reference;

	if (!container->image || !image_reference_parse(container->image, &reference) ||
	    reference.digest.length)
		return SEVERITY_NONE;
	verdict_text(verdict, "image", container->image);
	verdict_text(verdict, "digest", container->image_digest);
	if (!is_moving(&reference)) {
		verdict->title = "Image is named by a tag without a digest";
		verdict_why(verdict, "a tag can be given to another image where the repository allows it: "
				     "with immutable tags, or a digest, the name stands for one image");
		return SEVERITY_INFO;
	}
	if (is_pulled_anew(container))
		return SEVERITY_LOW;
	verdict_why(verdict, "what is started tomorrow may be another image than today's, although a machine "
			     "that has one takes that until told to pull");
	return SEVERITY_INFO;
}

/* ---- image.not-curated ------------------------------------------------------------------------- */

/* Registry and repository, written out: `nginx` is `docker.io/library/nginx`. */
static const char *image_name(const struct image_reference *reference, struct verdict *verdict)
{
	struct image_part registry = reference->registry, repository = reference->repository;
	const char *library = "";

	if (image_is_of_docker_hub(reference)) {
		registry = (struct image_part){"docker.io", strlen("docker.io")};
		library = memchr(repository.data, '/', repository.length) ? "" : "library/";
	}
	return verdict_format(verdict, "%.*s/%s%.*s", (int)registry.length, registry.data, library,
			      (int)repository.length, repository.data);
}

/* Registry and repository are matched apart, so that no `*` of the one reaches into the other: a registry of
 * somebody else's may have any path. */
static bool matches(const char *glob, const char *name, struct verdict *verdict)
{
	const char *slash = strchr(glob, '/'), *end = strchr(name, '/');
	const char *registry = verdict_format(verdict, "%.*s", (int)(end - name), name);
	const char *wanted =
		verdict_format(verdict, "%.*s", slash ? (int)(slash - glob) : (int)strlen(glob), glob);

	return registry && wanted && text_glob(wanted, registry) && (!slash || text_glob(slash + 1, end + 1));
}

static bool is_curated(const struct context *context, const char *name, struct verdict *verdict)
{
	for (size_t i = 0; i < context->curated_count; i++)
		if (matches(context->curated[i], name, verdict))
			return true;
	return false;
}

/* Without a list of what is curated: an image of Docker Hub is one that anybody may have put there. One of
 * which no digest is known may have been built here instead. */
static enum severity judge_origin(const struct container *container, const struct image_reference *reference,
				  struct verdict *verdict)
{
	if (!image_is_of_docker_hub(reference))
		return SEVERITY_NONE;
	verdict->title = "Image is named as one of Docker Hub";
	if (reference->registry.length || reference->digest.length || container->image_digest ||
	    is_pulled_anew(container))
		return SEVERITY_LOW;
	verdict_why(verdict, "whoever pulls an image by a name without a registry gets Docker Hub's, which "
			     "anybody may have put there; this one may have been built here");
	return SEVERITY_INFO;
}

static enum severity judge_not_curated(const struct subject *subject, struct verdict *verdict)
{
	const struct container *container = subject->container;
	struct image_reference reference;
	const char *name;

	if (!container->image || !image_reference_parse(container->image, &reference))
		return SEVERITY_NONE;
	name = image_name(&reference, verdict);
	if (!name)
		return SEVERITY_NONE;
	verdict_text(verdict, "image", container->image);
	verdict_text(verdict, "repository", name);
	if (!subject->context->curated_count)
		return judge_origin(container, &reference, verdict);
	return is_curated(subject->context, name, verdict) ? SEVERITY_NONE : SEVERITY_MEDIUM;
}

/* ---- the table --------------------------------------------------------------------------------- */

#define SUPPLY_CHAIN ATTACK("T1195.002", "Compromise Software Supply Chain")
#define ECR_IMMUTABLE "https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-tag-mutability.html"

const struct rule rules_image[] = {
	{
		.id = "image.mutable-tag",
		.severity = SEVERITY_LOW,
		.scope = SCOPE_CONTAINER,
		.good = "The image is named by its digest",
		.bad = "Image is named by a tag that moves",
		.why = "what is started tomorrow may be another image than the one that was tested, and "
		       "nothing "
		       "tells",
		.attack = "Who may push to the repository, or took over an account that may, gives the tag "
			  "to an "
			  "image of theirs; the next start of a task runs it.",
		.remedy = {.text = "Name the image by its digest, or by a tag of its own in a repository "
				   "with "
				   "immutable tags.",
			   .dockerfile = "FROM REGISTRY/REPOSITORY@sha256:DIGEST",
			   .ecs = "{\"image\": \"REGISTRY/REPOSITORY@sha256:DIGEST\"}",
			   .kubernetes = "image: REGISTRY/REPOSITORY@sha256:DIGEST"},
		.references = REFERENCES(SECURITY_HUB("ECR.2"), CIS_DOCKER("4.2"), SUPPLY_CHAIN,
					 ECR_IMMUTABLE, ECS_GUIDANCE),
		.judge = judge_mutable_tag,
	},
	{
		.id = "image.not-curated",
		.severity = SEVERITY_MEDIUM,
		.scope = SCOPE_CONTAINER,
		.good = "The image comes from a repository that is curated",
		.bad = "Image comes from a repository that is not curated",
		.why = "nobody here has looked at what is in it, and who may change it is for others to say",
		.attack = "Images with miners and back doors are pushed under names that look like those of "
			  "well "
			  "known ones, and maintainers' accounts are taken over.",
		.remedy = {.text = "Copy what is needed to a registry of your own, scan it there, and name "
				   "that one. "
				   "Which repositories count is for the configuration to say: [images] "
				   "curated = GLOB.",
			   .ecs = "{\"image\": "
				  "\"ACCOUNT.dkr.ecr.REGION.amazonaws.com/REPOSITORY@sha256:DIGEST\"}"},
		.references = REFERENCES(CIS_DOCKER("4.2"), SUPPLY_CHAIN, ECS_GUIDANCE),
		.judge = judge_not_curated,
	},
	{0},
};
