/* Kernel stacks that are known again without being walked: a part of usage.bpf.c.
 *
 * To walk a stack takes longer than all else, so one that was walked is known again by its return addresses,
 * each where it lay then. That is no guess: frames of the kernel's functions have fixed sizes, so one
 * address, and where it lies, tell where the next one has to be. Only those of system calls are moved at
 * random (RANDOMIZE_KSTACK_OFFSET): what is farther out lies where it did as seen from the stack's end. */
#ifndef COLLECTORS_USAGE_KNOWN_STACK_BPF_H
#define COLLECTORS_USAGE_KNOWN_STACK_BPF_H

enum {
	SKIPPED_FRAMES = 1,        /* this program's own, by bpf_get_stack() */
	FRAMES = USAGE_FRAMES + 2, /* the first is where the kernel goes on after this program */
	ROOM = 16,                 /* for frames: a power of two */
	CALLS = 256,               /* whose stacks a processor remembers: a power of two */
	WAYS = 4,                  /* of each: a power of two */
	NEAR = 64,                 /* words of the stack that are looked at at once */
	WORDS = 256,               /* of a stack that is remembered: a power of two */
};

/* Where the processor is now. */
struct stack {
	bool deep;          /* there are more frames than are known */
	__u64 here, end;    /* this program's frame, and what is above all frames; 0: not known */
	__u64 frames[ROOM]; /* return addresses, from here on outward; 0 from their end on */
	__u64 words[WORDS];
};

struct known_stack {
	__u64 frames[ROOM]; /* none: it is not known where they lie */
	__u64 places[ROOM]; /* in bytes: of the inner ones above here, of all others below the end */
	__u64 inner, outer; /* numbers of the first that is no inner one, and of the first outer one */
};

/* Those of a system call that asks for a capability. */
struct known_stacks {
	__u64 misses, turn;
	struct known_stack list[WAYS];
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__type(key, __u32);
	__type(value, struct known_stacks);
	__uint(max_entries, CALLS);
} known_stacks SEC(".maps");

/* What lies where the frame's address was. */
static __always_inline __u64 word_of(const struct stack *stack, const struct known_stack *known, int frame)
{
	__u64 place = known->places[frame], word = 0;

	if (frame < known->inner && place < NEAR * 8)
		return stack->words[place / 8 % NEAR];
	place = frame < known->inner ? stack->here + place : stack->end - place;
	bpf_probe_read_kernel(&word, sizeof(word), (void *)place);
	return word;
}

static __always_inline bool is_known(const struct stack *stack, const struct known_stack *known)
{
	for (int i = 0; i < FRAMES && known->frames[i]; i++)
		if (word_of(stack, known, i) != known->frames[i])
			return false;
	return known->frames[0];
}

static __noinline int find_stack(struct stack *stack, const struct known_stacks *known)
{
	if (bpf_probe_read_kernel(stack->words, NEAR * 8, (void *)stack->here))
		return 0;
	for (int i = 0; i < WAYS; i++) {
		if (!is_known(stack, &known->list[i]))
			continue;
		__builtin_memcpy(stack->frames, known->list[i].frames, sizeof(stack->frames));
		return 1;
	}
	return 0;
}

static __always_inline bool is_frame(const struct stack *stack, __u64 word)
{
	bool is = false;

	for (int i = 0; i < FRAMES; i++)
		is |= word && word == stack->frames[i];
	return is;
}

/* Finds the addresses from here on outward until one is where it is not expected, and not found for the
 * second time: what an earlier call left on the stack. The next one's number is in memory, since the verifier
 * would else follow each that it can be. */
static __noinline int find_inner(const struct stack *stack, struct known_stack *known)
{
	__u64 size = stack->end - stack->here;
	volatile __u64 *next = &known->inner;

	*next = 0;
	for (__u64 i = 0; i < WORDS && i * 8 < size; i++) {
		__u64 word = stack->words[i], expected = *next % ROOM, last = (expected - 1) % ROOM;
		if (word && word == stack->frames[expected] &&
		    (stack->deep || stack->frames[(expected + 1) % ROOM])) {
			known->places[expected] = i * 8;
			*next = expected + 1;
		} else if (word != stack->frames[last] && is_frame(stack, word)) {
			return 0;
		}
	}
	return 0;
}

/* Finds all others, from the end inward. Whether they are where they are expected. */
static __noinline int find_outer(const struct stack *stack, struct known_stack *known)
{
	__u64 size = stack->end - stack->here;
	volatile __u64 *next = &known->outer;

	*next = 0;
	for (int i = 0; i < FRAMES; i++)
		*next += stack->frames[i] != 0;
	for (__u64 i = 1; i < WORDS && i * 8 <= size && *next > known->inner && !stack->deep; i++) {
		__u64 word = stack->words[(size / 8 - i) % WORDS], expected = (*next - 1) % ROOM;
		if (word && word == stack->frames[expected]) {
			known->places[expected] = i * 8;
			*next = expected;
		} else if (is_frame(stack, word)) {
			return 0;
		}
	}
	return *next == known->inner;
}

static __noinline int learn_stack(struct stack *stack, struct known_stack *known)
{
	__u64 size = stack->end - stack->here;

	known->frames[0] = 0;
	stack->deep = stack->frames[FRAMES - 1];
	stack->frames[FRAMES - 1] = 0;
	if (size > sizeof(stack->words) || bpf_probe_read_kernel(stack->words, size, (void *)stack->here))
		return 0;
	find_inner(stack, known);
	if (find_outer(stack, known))
		__builtin_memcpy(known->frames, stack->frames, sizeof(known->frames));
	return 0;
}

/* At the first miss, the second, the fourth: a call that has too many to know takes no time for ever. */
static __noinline int miss_stack(struct stack *stack, struct known_stacks *known)
{
	__u64 misses = known->misses + 1;

	known->misses = misses;
	if (misses & (misses - 1))
		return 0;
	known->turn++;
	return learn_stack(stack, &known->list[known->turn % WAYS]);
}

/* Fills in the frames; `call` tells what asks. `here` lies in the frame of the program itself, which may not
 * use 64 bytes of its stack: else the kernel gives it another one, and all are walked (Linux 6.13,
 * kernel/bpf/verifier.c). */
static __always_inline void take_stack(void *context, struct stack *stack, __u32 call)
{
	__u32 place = call % CALLS;
	struct known_stacks *known = stack->end ? bpf_map_lookup_elem(&known_stacks, &place) : NULL;

	if (known && find_stack(stack, known))
		return;
	__builtin_memset(stack->frames, 0, sizeof(stack->frames));
	bpf_get_stack(context, stack->frames, FRAMES * sizeof(stack->frames[0]), SKIPPED_FRAMES);
	if (known)
		miss_stack(stack, known);
}

#endif
