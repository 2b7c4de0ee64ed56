#include "tests/unit/test.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fanotify.h>
#include <sys/inotify.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "collectors/events/file_message.h"
#include "collectors/events/process_message.h"
#include "collectors/events/watch_tree.h"
#include "proctor/cleanup.h"

enum { TOLD_MAX = 64, EVENT_SIZE = 76 };

/* What a handler was told. */
struct told {
	size_t count, overruns;
	struct event events[TOLD_MAX];
	char paths[TOLD_MAX][PATH_MAX];
};

static void note(void *context, const struct event *event)
{
	struct told *told = context;

	told->overruns += event->kind == EVENT_OVERRUN;
	if (told->count < TOLD_MAX) {
		told->events[told->count] = *event;
		snprintf(told->paths[told->count], PATH_MAX, "%s", event->path ? event->path : "");
	}
	told->count++;
}

/* ---- messages of the process connector --------------------------------------------------------- */

/* A datagram as the kernel makes it. */
static size_t make_message(unsigned char *out, uint32_t ack, const struct proc_event *event)
{
	const struct nlmsghdr header = {.nlmsg_len = EVENT_SIZE, .nlmsg_type = NLMSG_DONE};
	const struct cn_msg connector = {.id = {CN_IDX_PROC, CN_VAL_PROC}, .ack = ack, .len = sizeof(*event)};

	memcpy(out, &header, sizeof(header));
	memcpy(out + 16, &connector, sizeof(connector));
	memcpy(out + 36, event, sizeof(*event));
	return EVENT_SIZE;
}

static const struct proc_event fork_event = {.what = PROC_EVENT_FORK, .event_data.fork = {7, 6, 8, 8}};
static const struct proc_event thread_event = {.what = PROC_EVENT_FORK, .event_data.fork = {7, 6, 9, 8}};
static const struct proc_event exec_event = {.what = PROC_EVENT_EXEC, .event_data.exec = {8, 8}};
static const struct proc_event uid_event = {.what = PROC_EVENT_UID,
					    .event_data.id = {9, 8, {1000}, {UINT32_MAX}}};
static const struct proc_event gid_event = {.what = PROC_EVENT_GID, .event_data.id = {8, 8, {5}, {6}}};
static const struct proc_event comm_event = {.what = PROC_EVENT_COMM,
					     .event_data.comm = {8, 8, "not asked for"}};
static const struct proc_event exit_event = {.what = PROC_EVENT_EXIT, .event_data.exit = {8, 8, 0, 17, 7, 6}};
static const struct proc_event thread_exit = {.what = PROC_EVENT_EXIT, .event_data.exit = {9, 8, 0, 0, 7, 6}};
static const struct proc_event answer = {.what = PROC_EVENT_NONE, .event_data.ack = {EPERM}};

static void test_each_kind(void **state)
{
	static const struct {
		const struct proc_event *from;
		struct event expected;
	} cases[] = {
		{&fork_event, {.kind = EVENT_FORK, .pid = 8, .parent = 6}},
		{&exec_event, {.kind = EVENT_EXEC, .pid = 8}},
		{&uid_event, {.kind = EVENT_IDS, .pid = 8, .real_id = 1000, .effective_id = UINT32_MAX}},
		{&gid_event, {.kind = EVENT_IDS, .pid = 8, .groups = true, .real_id = 5, .effective_id = 6}},
		{&exit_event, {.kind = EVENT_EXIT, .pid = 8}},
	};
	unsigned char message[PROCESS_MESSAGE_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct told told = {0};
		process_message_tell(message, make_message(message, 0, cases[i].from), note, &told);
		assert_int_equal(told.count, 1);
		assert_int_equal(told.events[0].kind, cases[i].expected.kind);
		assert_int_equal(told.events[0].pid, cases[i].expected.pid);
		assert_int_equal(told.events[0].parent, cases[i].expected.parent);
		assert_int_equal(told.events[0].groups, cases[i].expected.groups);
		assert_int_equal(told.events[0].real_id, cases[i].expected.real_id);
		assert_int_equal(told.events[0].effective_id, cases[i].expected.effective_id);
	}
}

static size_t told_of(const void *message, size_t length)
{
	struct told told = {0};

	process_message_tell(message, length, note, &told);
	return told.count;
}

static void test_what_is_not_of_a_process(void **state)
{
	static const struct proc_event *const cases[] = {&thread_event, &thread_exit, &comm_event, &answer};
	struct proc_event nobody = exec_event;
	unsigned char message[PROCESS_MESSAGE_SIZE];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		assert_int_equal(told_of(message, make_message(message, 0, cases[i])), 0);
	nobody.event_data.exec.process_tgid = 0;
	assert_int_equal(told_of(message, make_message(message, 0, &nobody)), 0);
	nobody.event_data.exec.process_tgid = -8;
	assert_int_equal(told_of(message, make_message(message, 0, &nobody)), 0);
}

static void test_cut_and_lying_messages(void **state)
{
	unsigned char message[PROCESS_MESSAGE_SIZE];
	struct nlmsghdr *header = (struct nlmsghdr *)message;
	struct cn_msg *connector = (struct cn_msg *)(message + 16);

	(void)state;
	for (size_t length = 0; length < EVENT_SIZE; length++) {
		_cleanup_free_ unsigned char *exact = malloc(length + 1);
		make_message(message, 0, &fork_event);
		memcpy(exact, message, length);
		assert_int_equal(told_of(exact, length), 0);
	}
	for (uint32_t lie = 0; lie < 68; lie++) {
		make_message(message, 0, &fork_event);
		header->nlmsg_len = lie;
		assert_int_equal(told_of(message, EVENT_SIZE), 0);
	}
	header->nlmsg_len = UINT32_MAX;
	assert_int_equal(told_of(message, EVENT_SIZE), 0);
	make_message(message, 0, &fork_event);
	connector->len = UINT16_MAX;
	assert_int_equal(told_of(message, EVENT_SIZE), 0);
	connector->len = 31;
	assert_int_equal(told_of(message, EVENT_SIZE), 0);
	make_message(message, 0, &fork_event);
	connector->id.idx = CN_IDX_CIFS;
	assert_int_equal(told_of(message, EVENT_SIZE), 0);
	make_message(message, 0, &fork_event);
	header->nlmsg_type = NLMSG_ERROR;
	assert_int_equal(told_of(message, EVENT_SIZE), 0);
}

static void test_several_in_one_datagram(void **state)
{
	unsigned char message[PROCESS_MESSAGE_SIZE];
	size_t length = make_message(message, 0, &fork_event);

	(void)state;
	length += make_message(message + length, 0, &thread_event);
	length += make_message(message + length, 0, &exit_event);
	assert_int_equal(told_of(message, length), 2);
	assert_int_equal(told_of(message, length - 1), 1);
}

static void test_answer(void **state)
{
	unsigned char message[PROCESS_MESSAGE_SIZE];
	int number = -1;

	(void)state;
	assert_int_equal(process_message_listen(message, 41), 40);
	assert_false(process_message_answers(message, 40, 41, &number));
	make_message(message, 42, &answer);
	assert_true(process_message_answers(message, EVENT_SIZE, 41, &number));
	assert_int_equal(number, EPERM);
	assert_false(process_message_answers(message, EVENT_SIZE, 42, &number)); /* another's */
	make_message(message, 42, &fork_event);
	assert_false(process_message_answers(message, EVENT_SIZE, 41, &number));
	make_message(message, 0, &answer); /* the mark before it is the last number there is */
	assert_true(process_message_answers(message, EVENT_SIZE, UINT32_MAX, &number));
	struct proc_event strange = answer;
	strange.event_data.ack.err = UINT32_MAX;
	make_message(message, 42, &strange);
	assert_true(process_message_answers(message, EVENT_SIZE, 41, &number));
	assert_int_equal(number, EPROTO);
}

/* The kernel's filter and the parser choose alike; answers pass the filter besides. */
static void test_filter(void **state)
{
	static const struct proc_event *const cases[] = {&fork_event, &thread_event, &exec_event,
							 &uid_event,  &gid_event,    &comm_event,
							 &exit_event, &thread_exit,  &answer};
	unsigned char message[PROCESS_MESSAGE_SIZE], got[PROCESS_MESSAGE_SIZE];
	int pair[2];

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), 0);
	assert_int_equal(setsockopt(pair[0], SOL_SOCKET, SO_ATTACH_FILTER, &process_message_filter,
				    sizeof(process_message_filter)),
			 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t length = make_message(message, 0, cases[i]);
		bool passes = told_of(message, length) || cases[i] == &answer;
		send(pair[1], message, length, 0);
		assert_int_equal(recv(pair[0], got, sizeof(got), 0), passes ? EVENT_SIZE : -1);
	}
	send(pair[1], message, 20, 0); /* shorter than what the filter looks at */
	assert_int_equal(recv(pair[0], got, sizeof(got), 0), -1);
	close(pair[0]);
	close(pair[1]);
}

/* ---- messages of fanotify ---------------------------------------------------------------------- */

/* An event of a name in a directory, as the kernel makes it: 24 bytes, then 12 + 8 + 8 of the directory. */
static size_t make_change(char *out, uint64_t mask, const char *name)
{
	const uint16_t info = (uint16_t)((28 + strlen(name) + 1 + 3) / 4 * 4);
	const struct fanotify_event_metadata event = {.event_len = 24U + info,
						      .vers = FANOTIFY_METADATA_VERSION,
						      .metadata_len = 24,
						      .mask = mask,
						      .fd = FAN_NOFD};
	const struct fanotify_event_info_fid place = {
		.hdr = {.info_type = FAN_EVENT_INFO_TYPE_DFID_NAME, .len = info}, .fsid = {{1, -2}}};
	const struct file_handle handle = {.handle_bytes = 8, .handle_type = 1};

	memset(out, 0, event.event_len);
	memcpy(out, &event, sizeof(event));
	memcpy(out + 24, &place, 12);
	memcpy(out + 36, &handle, 8);
	memcpy(out + 44, "\1\2\3\4\5\6\7\x8", 8);
	memcpy(out + 52, name, strlen(name));
	return event.event_len;
}

static void test_change(void **state)
{
	char data[256];
	size_t length = make_change(data, FAN_ATTRIB, "na\xffme");
	struct bytes rest = {data, length + make_change(data + length, FAN_CREATE, "b")};
	struct file_message message;

	(void)state;
	assert_true(file_message_next(&rest, &message));
	assert_string_equal(message.name, "na\xffme");
	assert_false(message.overflow);
	assert_int_equal(message.filesystem, (uint64_t)1 << 32 | 0xfffffffe);
	assert_int_equal(message.directory.handle.handle_bytes, 8);
	assert_memory_equal(message.directory.handle.f_handle, "\1\2\3\4\5\6\7\x8", 8);
	assert_true(file_message_next(&rest, &message));
	assert_string_equal(message.name, "b");
	assert_false(file_message_next(&rest, &message));
}

static void test_overflow_of_changes(void **state)
{
	struct fanotify_event_metadata event = {.event_len = 24,
						.vers = FANOTIFY_METADATA_VERSION,
						.metadata_len = 24,
						.mask = FAN_Q_OVERFLOW};
	struct bytes rest = {(const char *)&event, sizeof(event)};
	struct file_message message;

	(void)state;
	assert_true(file_message_next(&rest, &message));
	assert_true(message.overflow);
	event.mask = FAN_ATTRIB; /* of a directory itself: no name */
	rest = (struct bytes){(const char *)&event, sizeof(event)};
	assert_false(file_message_next(&rest, &message));
	event.vers = 2;
	rest = (struct bytes){(const char *)&event, sizeof(event)};
	assert_false(file_message_next(&rest, &message));
}

static bool is_taken(const char *data, size_t length)
{
	_cleanup_free_ char *exact = malloc(length + 1);
	struct bytes rest = {exact, length};
	struct file_message message;

	memcpy(exact, data, length);
	return file_message_next(&rest, &message);
}

static void test_cut_and_lying_changes(void **state)
{
	char data[256];
	size_t whole = make_change(data, FAN_ATTRIB, "name");
	const uint32_t large = UINT32_MAX - 7;

	(void)state;
	assert_true(is_taken(data, whole));
	for (size_t length = 0; length < whole; length++)
		assert_false(is_taken(data, length));
	memcpy(data + 36, &large, sizeof(large)); /* the length of the handle */
	assert_false(is_taken(data, whole));
	make_change(data, FAN_ATTRIB, "name");
	memset(data + 52, 'x', whole - 52); /* a name without an end */
	assert_false(is_taken(data, whole));
	make_change(data, FAN_ATTRIB, "name");
	data[26] = (char)(whole - 24 + 4); /* the record is longer than the event */
	assert_false(is_taken(data, whole));
	make_change(data, FAN_ATTRIB, "name");
	data[24] = FAN_EVENT_INFO_TYPE_FID;
	assert_false(is_taken(data, whole));
	make_change(data, FAN_ATTRIB, "name");
	data[0] = 0; /* an event of no length would be read for ever */
	assert_false(is_taken(data, whole));
}

static void test_marks(void **state)
{
	static const char text[] = "pos:\t0\nfanotify flags:c03 event-flags:88000\n"
				   "fanotify sdev:19 mflags:0 mask:8000184 ignored_mask:0\n"
				   "fanotify ino:1 sdev:6 mflags:0\n"
				   "fanotify sdev:\nfanotify sdev:fe00001";

	(void)state;
	assert_true(file_message_has_mark(text, sizeof(text) - 1, 0, 25));
	assert_true(file_message_has_mark(text, sizeof(text) - 1, 254, 1));
	assert_false(file_message_has_mark(text, sizeof(text) - 1, 0, 6));
	assert_false(file_message_has_mark(text, sizeof(text) - 1, 0, 1));
	assert_false(file_message_has_mark(text, sizeof(text) - 2, 254, 1));
	assert_false(file_message_has_mark("", 0, 0, 0));
}

/* ---- watched trees ----------------------------------------------------------------------------- */

/* A tree of directories of its own, watched. */
struct tree {
	char top[64];
	struct watches watches;
	struct told told;
};

static bool is_leaf(const char *path)
{
	return strstr(path, "leaf") != NULL;
}

static int tree_make(void **state)
{
	struct tree *tree = calloc(1, sizeof(*tree));

	*state = tree;
	/* In memory where that is to be had: there are thousands of them. */
	snprintf(tree->top, sizeof(tree->top), "%s/proctor-test-%d-tree",
		 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp", (int)getpid());
	tree->watches.fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	tree->watches.tops[0] = tree->top;
	tree->watches.top_count = 1;
	tree->watches.is_leaf = is_leaf;
	return mkdir(tree->top, 0700);
}

static int tree_drop(void **state)
{
	struct tree *tree = *state;
	char command[128];

	close(tree->watches.fd);
	watches_free(&tree->watches);
	snprintf(command, sizeof(command), "rm -r %s", tree->top);
	int result = system(command);
	free(tree);
	return result;
}

static void make(const struct tree *tree, const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", tree->top, path);
	assert_int_equal(mkdir(full, 0700), 0);
}

static void drop(const struct tree *tree, const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", tree->top, path);
	assert_int_equal(rmdir(full), 0);
}

static void scan(struct tree *tree)
{
	assert_int_equal(watches_scan(&tree->watches, NULL), 0);
}

static void read_all(struct tree *tree)
{
	struct pollfd wait = {.fd = tree->watches.fd, .events = POLLIN};

	tree->told = (struct told){0};
	do
		assert_int_equal(watches_read(&tree->watches, note, &tree->told, NULL), 0);
	while (poll(&wait, 1, 0) > 0);
}

static bool was_told(const struct tree *tree, const char *path, bool gone)
{
	for (size_t i = 0; i < tree->told.count && i < TOLD_MAX; i++)
		if (tree->told.events[i].kind == EVENT_CGROUP && tree->told.events[i].gone == gone &&
		    !strcmp(tree->told.paths[i], path))
			return true;
	return false;
}

static void test_tree_is_followed(void **state)
{
	struct tree *tree = *state;

	make(tree, "/old");
	make(tree, "/old/deeper");
	scan(tree);
	make(tree, "/old/deeper/a");
	make(tree, "/new");
	make(tree, "/new/b");
	make(tree, "/new/b/c");
	read_all(tree);
	assert_true(was_told(tree, "/old/deeper/a", false));
	assert_true(was_told(tree, "/new/b/c", false));
	assert_false(was_told(tree, "/old", false));
	drop(tree, "/new/b/c");
	drop(tree, "/new/b");
	read_all(tree);
	assert_true(was_told(tree, "/new/b/c", true));
	assert_true(was_told(tree, "/new/b", true));
	assert_int_equal(tree->watches.count, 5); /* top, old, deeper, a, new */
	assert_null(tree->watches.unseen);
}

static void test_leaves_are_not_watched(void **state)
{
	struct tree *tree = *state;

	scan(tree);
	make(tree, "/leaf");
	make(tree, "/leaf/inside");
	read_all(tree);
	assert_int_equal(tree->told.count, 1);
	assert_int_equal(tree->watches.count, 1);
	scan(tree);
	assert_int_equal(tree->watches.count, 1);
}

/* What is moved goes with all beneath it, and comes by its new name; a sibling with a like name stays. */
static void test_moved(void **state)
{
	struct tree *tree = *state;
	char from[PATH_MAX], to[PATH_MAX];

	make(tree, "/a");
	make(tree, "/a/b");
	make(tree, "/ab");
	scan(tree);
	snprintf(from, sizeof(from), "%s/a", tree->top);
	snprintf(to, sizeof(to), "%s/z", tree->top);
	assert_int_equal(rename(from, to), 0);
	read_all(tree);
	assert_true(was_told(tree, "/a", true));
	assert_true(was_told(tree, "/z", false));
	assert_true(was_told(tree, "/z/b", false));
	make(tree, "/z/b/c");
	make(tree, "/ab/c");
	read_all(tree);
	assert_int_equal(tree->told.count, 2);
	assert_true(was_told(tree, "/z/b/c", false));
	assert_true(was_told(tree, "/ab/c", false));
}

static void test_files_and_links_are_nothing(void **state)
{
	struct tree *tree = *state;
	char path[PATH_MAX];

	snprintf(path, sizeof(path), "%s/link", tree->top);
	assert_int_equal(symlink("/", path), 0);
	scan(tree);
	assert_int_equal(tree->watches.count, 1);
	snprintf(path, sizeof(path), "%s/file", tree->top);
	int fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
	snprintf(path, sizeof(path), "%s/second", tree->top);
	assert_int_equal(symlink("/", path), 0);
	read_all(tree);
	assert_int_equal(tree->told.count, 0);
}

static void test_too_deep(void **state)
{
	struct tree *tree = *state;
	char path[PATH_MAX] = "";

	scan(tree);
	for (int i = 0; i < WATCH_DEPTH_MAX + 2; i++) {
		strcat(path, "/d");
		make(tree, path);
	}
	read_all(tree);
	assert_int_equal(tree->watches.count, WATCH_DEPTH_MAX + 1);
	assert_int_equal(tree->told.overruns, 1);
	assert_non_null(strstr(tree->watches.unseen, "deeper"));
	make(tree, "/e");
	read_all(tree);
	assert_int_equal(tree->told.overruns, 0); /* that is told once */
}

static void test_too_many(void **state)
{
	struct tree *tree = *state;
	char path[64];

	for (int i = 0; i < WATCHES_MAX + 10; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		make(tree, path);
	}
	scan(tree);
	if (tree->watches.unseen && !strstr(tree->watches.unseen, "4096"))
		skip(); /* this user may not have as many */
	assert_int_equal(tree->watches.count, WATCHES_MAX);
	assert_non_null(tree->watches.unseen);
	for (int i = 0; i < WATCHES_MAX; i++) {
		snprintf(path, sizeof(path), "/%d", i);
		drop(tree, path);
	}
	scan(tree);
	assert_int_equal(tree->watches.count, 11);
	assert_null(tree->watches.unseen);
}

/* A directory that comes full is one loss, not as many events as it holds. */
static void test_flood(void **state)
{
	struct tree *tree = *state;
	char path[64];

	scan(tree);
	make(tree, "/full");
	for (int i = 0; i < 2000; i++) {
		snprintf(path, sizeof(path), "/full/leaf-%d", i);
		make(tree, path);
	}
	read_all(tree);
	assert_int_equal(tree->told.count, 1025);
	assert_int_equal(tree->told.overruns, 1);
}

/* What was lost is found again, and told after it is watched. */
static void test_overflow_of_directories(void **state)
{
	const struct inotify_event lost = {.wd = -1, .mask = IN_Q_OVERFLOW};
	struct tree *tree = *state;

	make(tree, "/goes");
	scan(tree);
	drop(tree, "/goes");
	make(tree, "/comes");
	make(tree, "/comes/too");
	assert_int_equal(watches_tell(&tree->watches, &lost, sizeof(lost), note, &tree->told, NULL), 0);
	read_all(tree);
	assert_int_equal(tree->told.count, 1);
	assert_int_equal(tree->told.overruns, 1);
	assert_int_equal(tree->watches.count, 3);
	make(tree, "/comes/too/seen");
	read_all(tree);
	assert_int_equal(tree->told.count, 1);
	assert_true(was_told(tree, "/comes/too/seen", false));
}

static size_t tell(struct tree *tree, const struct inotify_event *event, const char name[16], size_t length)
{
	char data[sizeof(*event) + 16];

	memcpy(data, event, sizeof(*event));
	memcpy(data + sizeof(*event), name, 16);
	tree->told = (struct told){0};
	assert_int_equal(watches_tell(&tree->watches, data, length, note, &tree->told, NULL), 0);
	return tree->told.count;
}

static void test_hostile_directory_events(void **state)
{
	const size_t whole = sizeof(struct inotify_event) + 16;
	struct inotify_event event = {.wd = INT_MAX, .mask = IN_CREATE | IN_ISDIR, .len = 16};
	struct tree *tree = *state;
	char data[4096];

	scan(tree);
	for (size_t length = 0; length <= whole; length++) /* of no watch */
		assert_int_equal(tell(tree, &event, "x\0\0\0\0\0\0\0\0\0\0\0\0\0\0", length), 0);
	make(tree, "/real");
	ssize_t got = read(tree->watches.fd, data, sizeof(data));
	assert_true(got > (ssize_t)sizeof(event));
	memcpy(&event, data, sizeof(event)); /* of the top's watch */
	event.len = UINT32_MAX;
	assert_int_equal(tell(tree, &event, "real\0\0\0\0\0\0\0\0\0\0\0", whole), 0);
	event.len = 16;
	assert_int_equal(tell(tree, &event, "a name of 16 in all", whole), 0); /* without an end */
	assert_int_equal(tell(tree, &event, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", whole), 0);
	assert_int_equal(tell(tree, &event, "real\0\0\0\0\0\0\0\0\0\0\0", whole - 1), 0);
	assert_int_equal(tell(tree, &event, "real\0\0\0\0\0\0\0\0\0\0\0", whole), 1);
	assert_true(was_told(tree, "/real", false));
}

#define WITH_TREE(test) cmocka_unit_test_setup_teardown(test, tree_make, tree_drop)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_each_kind),
		cmocka_unit_test(test_what_is_not_of_a_process),
		cmocka_unit_test(test_cut_and_lying_messages),
		cmocka_unit_test(test_several_in_one_datagram),
		cmocka_unit_test(test_answer),
		cmocka_unit_test(test_filter),
		cmocka_unit_test(test_change),
		cmocka_unit_test(test_overflow_of_changes),
		cmocka_unit_test(test_cut_and_lying_changes),
		cmocka_unit_test(test_marks),
		WITH_TREE(test_tree_is_followed),
		WITH_TREE(test_leaves_are_not_watched),
		WITH_TREE(test_moved),
		WITH_TREE(test_files_and_links_are_nothing),
		WITH_TREE(test_too_deep),
		WITH_TREE(test_too_many),
		WITH_TREE(test_flood),
		WITH_TREE(test_overflow_of_directories),
		WITH_TREE(test_hostile_directory_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
