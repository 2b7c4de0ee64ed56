/* An arena: memory that is handed out piece by piece and freed in one call.
 *
 * A snapshot and everything in it live in one arena. An arena is used by one thread at a time;
 * threads that collect in parallel have one each, which the snapshot's arena adopts at the end. */
#ifndef PROCTOR_ARENA_H
#define PROCTOR_ARENA_H

#include <stdarg.h>
#include <stddef.h>

struct arena;

/* A new, empty arena, owned by the caller; NULL when memory is exhausted. */
struct arena *arena_new(void);

/* Frees the arena and all that came from it. NULL is allowed. */
void arena_free(struct arena *arena);

/* `size` zeroed bytes, aligned for any type, that live as long as the arena; NULL when memory is
 * exhausted. */
void *arena_alloc(struct arena *arena, size_t size);

/* Like arena_alloc for `count` members of `size` bytes; NULL also when the product overflows. */
void *arena_array(struct arena *arena, size_t count, size_t size);

/* A copy of `length` bytes followed by a NUL; NULL when memory is exhausted. */
char *arena_copy(struct arena *arena, const void *data, size_t length);

/* A copy of a NUL-terminated string; NULL when memory is exhausted. */
char *arena_string(struct arena *arena, const char *text);

/* A formatted string, as printf(3); NULL when memory is exhausted. */
char *arena_printf(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *arena_vprintf(struct arena *arena, const char *format, va_list arguments)
	__attribute__((format(printf, 2, 0)));

/* Moves all memory of `from` into `into` and frees `from` itself: what came from either now lives as
 * long as `into`. Cannot fail. */
void arena_adopt(struct arena *into, struct arena *from);

/* Bytes the arena holds from malloc, for the memory figures. */
size_t arena_size(const struct arena *arena);

/* Makes room in a growing array of `size`-byte members that lives in the arena: returns the array,
 * moved when `count` has reached `*capacity` (which doubles), or NULL when memory is exhausted (the old
 * array stays valid). */
void *arena_grow(struct arena *arena, void *array, size_t count, size_t *capacity, size_t size);

#endif
