#include "proctor/proof.h"

#include <errno.h>

struct search {
	struct proof *proof;
	proof_attempt attempt;
	void *context;
};

/* As proof_attempt, and takes note of it. */
static int try(struct search *search, capability_set set, struct error **error)
{
	struct proof *proof = search->proof;
	int passed = search->attempt(search->context, set, error);
	struct proof_try *grown;

	if (passed < 0)
		return -1;
	grown = arena_grow(proof->arena, proof->tries, proof->count, &proof->capacity, sizeof(*grown));
	if (!grown)
		return error_set(error, ENOMEM, "taking note of what was tried");
	proof->tries = grown;
	grown[proof->count++] = (struct proof_try){.set = set, .passed = passed > 0};
	return passed;
}

/* The first set that passes, into proof->proven. */
static int begin(struct search *search, capability_set optional, struct error **error)
{
	struct proof *proof = search->proof;
	const capability_set starts[] = {proof->learned, proof->learned | optional, proof->granted};

	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++) {
		int passed = i && starts[i] == starts[i - 1] ? 0 : try(search, starts[i], error);
		proof->proven = starts[i];
		if (passed)
			return passed < 0 ? -1 : 0;
	}
	error_set(error, 0, "the check does not pass, not with all that is granted either");
	error_remedy(error, "see that it passes without --prove, and how long it takes (--within)");
	return -1;
}

/* Takes away each that is not needed, once around. 1: there was one. */
static int reduce(struct search *search, struct error **error)
{
	struct proof *proof = search->proof;
	bool reduced = false;

	for (unsigned i = 0; i < CAPABILITY_BITS; i++) {
		capability_set less = proof->proven & ~CAPABILITY_MASK(i);
		int passed = less == proof->proven ? 0 : try(search, less, error);
		if (passed < 0)
			return -1;
		if (!passed)
			continue;
		proof->proven = less;
		reduced = true;
	}
	return reduced;
}

struct proof *proof_search(capability_set learned, capability_set optional, capability_set granted,
			   proof_attempt attempt, void *context, struct error **error)
{
	struct arena *arena = arena_new();
	struct proof *proof = arena ? arena_alloc(arena, sizeof(*proof)) : NULL;
	struct search search = {.proof = proof, .attempt = attempt, .context = context};
	int result;

	if (!proof) {
		arena_free(arena);
		error_set(error, ENOMEM, "proving");
		return NULL;
	}
	*proof = (struct proof){.arena = arena, .granted = granted, .learned = learned & granted};
	result = begin(&search, optional & granted, error);
	while (!result && (result = reduce(&search, error)) > 0)
		result = 0; /* until each that is left was missed, with no more than the others there */
	if (!result)
		return proof;
	proof_free(proof);
	return NULL;
}

void proof_free(struct proof *proof)
{
	if (proof)
		arena_free(proof->arena);
}
