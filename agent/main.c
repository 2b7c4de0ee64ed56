#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent/command.h"
#include "proctor/cleanup.h"
#include "proctor/text.h"
#include "proctor/version.h"

/* A standard descriptor that the caller closed must not become a file that we open: what is written to it
 * fails instead. */
static void fill_standard_descriptors(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY);
	while (fd >= 0 && fd <= STDERR_FILENO);
	if (fd >= 0)
		close(fd);
}

/* All output is UTF-8, whatever the locale: only the widths of characters are taken from it. */
static void set_locale(void)
{
	if (!setlocale(LC_CTYPE, "") || strcmp(nl_langinfo(CODESET), "UTF-8") != 0)
		setlocale(LC_CTYPE, "C.UTF-8");
}

/* A program file that carries capabilities as permitted only (as in the image: so it starts where they are
 * not granted, too) has to make them effective itself, see capabilities(7). What could not be is told in
 * coverage. */
static void raise_capabilities(void)
{
	if (capng_get_caps_process())
		return;
	for (unsigned number = 0; number <= CAP_LAST_CAP; number++)
		if (capng_have_capability(CAPNG_PERMITTED, number))
			capng_update(CAPNG_ADD, CAPNG_EFFECTIVE, number);
	capng_apply(CAPNG_SELECT_CAPS);
}

static void print_error(const struct error *error)
{
	const char *message = error_message(error);
	size_t size = text_escape(NULL, 0, message, strlen(message)) + 1;
	_cleanup_free_ char *line = malloc(size);

	if (line)
		text_escape(line, size, message, strlen(message));
	fprintf(stderr, "proctor: %s\n", line ? line : "out of memory");
}

static int print_version(struct error **error)
{
	printf("proctor %s\nBuilt with %s.\n", proctor_version, proctor_libraries);
	if (fflush(stdout))
		error_set(error, errno, "writing to standard output");
	return EXIT_AUDITED;
}

static int run(int argc, char **argv, struct error **error)
{
	const char *first = argc > 1 ? argv[1] : "";
	const struct command *command = commands[0];
	int status;

	if (!strcmp(first, "--help") || !strcmp(first, "-h")) {
		command_help(NULL, error);
		return EXIT_AUDITED;
	}
	if (!strcmp(first, "--version") || !strcmp(first, "-V"))
		return print_version(error);
	if (argc > 1 && *first != '-') {
		command = command_find(first);
		argc--;
		argv++;
	}
	if (!command) {
		error_set(error, 0, "no command is called '%s'", first);
		error_remedy(error, "see 'proctor --help'");
		return EXIT_USAGE;
	}
	status = command->run(command, argc, argv, error);
	if (status == EXIT_USAGE && !error_has_remedy(*error))
		error_remedy(error, "see 'proctor %s --help'", command->name);
	return status;
}

int main(int argc, char **argv)
{
	_cleanup_error_ struct error *error = NULL;
	int status;

	fill_standard_descriptors();
	set_locale();
	raise_capabilities();
	signal(SIGPIPE, SIG_IGN); /* a reader that went away is an error of write(2) */
	signal(SIGXFSZ, SIG_IGN); /* and so is a file that may not grow */
	status = run(argc, argv, &error);
	if (!error)
		return status;
	print_error(error);
	return status == EXIT_USAGE ? EXIT_USAGE : EXIT_FAILED;
}
