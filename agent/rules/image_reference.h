/* The parts of an image's name. */
#ifndef AGENT_RULES_IMAGE_REFERENCE_H
#define AGENT_RULES_IMAGE_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>

/* A stretch of the text; not ended by NUL. */
struct image_part {
	const char *data;
	size_t length; /* 0: not there */
};

struct image_reference {
	struct image_part registry;   /* `docker.io` is implied where it is not there */
	struct image_part repository; /* with its path: `shop/checkout` */
	struct image_part tag;
	struct image_part digest; /* `sha256:…` */
};

/* Parses a reference as Docker does (distribution/reference): the first component is a registry when it has a
 * dot or a colon, or is `localhost`. False for the id of an image, or what is none at all. */
bool image_reference_parse(const char *text, struct image_reference *reference);

/* True for images of Docker Hub, named or implied. */
bool image_is_of_docker_hub(const struct image_reference *reference);

#endif
