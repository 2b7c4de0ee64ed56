#include "tests/unit/test.h"

#include <string.h>

#include "agent/rules/image_reference.h"
#include "tests/unit/build.h"

static struct container *contained(struct build *build, const char *image)
{
	struct container *container = build_container(build, "web");

	build_process(build, 10, container, "/bin/web");
	container->image = image;
	return container;
}

static void assert_severity(struct build *build, const char *rule, enum severity expected)
{
	assert_string_equal(severity_names[build_severity(build, rule)], severity_names[expected]);
}

/* ---- references -------------------------------------------------------------------------------- */

static void assert_part(struct image_part part, const char *expected)
{
	assert_int_equal(part.length, strlen(expected));
	assert_memory_equal(part.data ? part.data : "", expected, part.length);
}

static void test_references(void **state)
{
	static const struct {
		const char *text, *registry, *repository, *tag, *digest;
	} rows[] = {
		{"nginx", "", "nginx", "", ""},
		{"nginx:1.27", "", "nginx", "1.27", ""},
		{"shop/checkout:42", "", "shop/checkout", "42", ""},
		{"localhost/web", "localhost", "web", "", ""},
		{"localhost:5000/web:1", "localhost:5000", "web", "1", ""},
		{"1.dkr.ecr.eu-west-1.amazonaws.com/shop/web@sha256:abc", "1.dkr.ecr.eu-west-1.amazonaws.com",
		 "shop/web", "", "sha256:abc"},
		{"ghcr.io/a/b:c@sha256:d", "ghcr.io", "a/b", "c", "sha256:d"},
		{"a:", "", "a", "", ""},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct image_reference reference;
		assert_true(image_reference_parse(rows[i].text, &reference));
		assert_part(reference.registry, rows[i].registry);
		assert_part(reference.repository, rows[i].repository);
		assert_part(reference.tag, rows[i].tag);
		assert_part(reference.digest, rows[i].digest);
	}
}

static void test_what_is_no_reference(void **state)
{
	static const char *const texts[] = {"",     "sha256:0123", "0123456789abcdef", ":",
					    ":tag", "@",           "@sha256:0",        "example.com/"};
	struct image_reference reference;

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (image_reference_parse(texts[i], &reference))
			fail_msg("'%s' is taken for an image", texts[i]);
}

/* ---- image.mutable-tag ------------------------------------------------------------------------- */

static void test_mutable_tag(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build, NULL);

	assert_severity(build, "image.mutable-tag", SEVERITY_NONE);
	container->image = "sha256:0123";
	assert_severity(build, "image.mutable-tag", SEVERITY_NONE);
	container->image = "example.com/web@sha256:0123";
	assert_severity(build, "image.mutable-tag", SEVERITY_NONE);
	container->image = "example.com/web:latest@sha256:0123";
	assert_severity(build, "image.mutable-tag", SEVERITY_NONE);
	container->image = "example.com/web:1.2";
	assert_severity(build, "image.mutable-tag", SEVERITY_INFO);
	container->image = "example.com/web:latest";
	assert_severity(build, "image.mutable-tag", SEVERITY_INFO); /* nobody pulls it anew */
	container->kind = "ecs";
	assert_severity(build, "image.mutable-tag", SEVERITY_LOW);
	container->image = "example.com/web";
	assert_severity(build, "image.mutable-tag", SEVERITY_LOW);
	container->image = "example.com/web:latest-2";
	assert_severity(build, "image.mutable-tag", SEVERITY_INFO);
}

static void test_mutable_tag_tells_the_digest_to_take(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build, "example.com/web");

	container->image_digest = "sha256:0123";
	assert_severity(build, "image.mutable-tag", SEVERITY_INFO);
	assert_string_equal(build_evidence(build_finding(build, "image.mutable-tag"), "digest")->text,
			    "sha256:0123");
}

/* ---- image.not-curated ------------------------------------------------------------------------- */

static void test_docker_hub(void **state)
{
	struct build *build = *state;
	struct container *container = contained(build, NULL);

	assert_severity(build, "image.not-curated", SEVERITY_NONE);
	container->image = "ghcr.io/shop/web:1";
	assert_severity(build, "image.not-curated", SEVERITY_NONE);
	container->image = "docker.io/shop/web:1";
	assert_severity(build, "image.not-curated", SEVERITY_LOW);
	container->image = "shop/web:1"; /* perhaps built here */
	assert_severity(build, "image.not-curated", SEVERITY_INFO);
	container->image_digest = "sha256:0123";
	assert_severity(build, "image.not-curated", SEVERITY_LOW);
	container->image_digest = NULL;
	container->kind = "kubernetes";
	assert_severity(build, "image.not-curated", SEVERITY_LOW);
}

static void test_what_is_curated_is_said(void **state)
{
	static const char *const curated[] = {"*.amazonaws.com/shop/*", "docker.io/library/nginx"};
	struct build *build = *state;
	struct container *container = contained(build, "1.dkr.ecr.eu-west-1.amazonaws.com/shop/web:1");

	build->policy.curated = curated;
	build->policy.curated_count = 2;
	assert_severity(build, "image.not-curated", SEVERITY_NONE);
	container->image = "docker.io/library/nginx";
	assert_severity(build, "image.not-curated", SEVERITY_NONE);
	container->image = "ghcr.io/shop/web:1";
	assert_severity(build, "image.not-curated", SEVERITY_MEDIUM);
	container->image = "evil.example.com/1.amazonaws.com/shop/web";
	assert_severity(build, "image.not-curated", SEVERITY_MEDIUM); /* a path is no registry */
	container->image = "nginx";
	assert_severity(build, "image.not-curated", SEVERITY_NONE);
	container->image = "1.dkr.ecr.eu-west-1.amazonaws.com/shop/a/b";
	assert_severity(build, "image.not-curated", SEVERITY_NONE);
	container->image = "other/nginx";
	assert_severity(build, "image.not-curated", SEVERITY_MEDIUM);
}

static void test_a_registry_alone_is_curated_whole(void **state)
{
	static const char *const curated[] = {"registry.example.com"};
	struct build *build = *state;
	struct container *container = contained(build, "registry.example.com/any/thing");

	build->policy.curated = curated;
	build->policy.curated_count = 1;
	assert_severity(build, "image.not-curated", SEVERITY_NONE);
	container->image = "registry.example.com.evil.example/any/thing";
	assert_severity(build, "image.not-curated", SEVERITY_MEDIUM);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_what_is_no_reference),
		BUILD_TEST(test_mutable_tag),
		BUILD_TEST(test_mutable_tag_tells_the_digest_to_take),
		BUILD_TEST(test_docker_hub),
		BUILD_TEST(test_what_is_curated_is_said),
		BUILD_TEST(test_a_registry_alone_is_curated_whole),
	};

	return cmocka_run_group_tests_name("rules_image", tests, NULL, NULL);
}
