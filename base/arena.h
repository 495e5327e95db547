/* A bump allocator over a block that the caller owns. A request allocates
 * from one and gives everything back at once.
 *
 * When the block is used up the arena returns NULL and remembers it in
 * `overflow`, so that a long computation can be checked once at its end.
 * Not for use by two threads at a time. */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct arena {
    uint8_t *data;
    size_t capacity;
    size_t used;
    bool overflow;
};

static inline struct arena arena_over(void *data, size_t capacity)
{
    return (struct arena){data, capacity, 0, false};
}

#define ARENA_ALIGN ((size_t)16)

/* `size` bytes aligned to 16, not cleared; NULL when there is no room. A
 * size of 0 gives a pointer that must not be used. */
static inline void *arena_alloc(struct arena *arena, size_t size)
{
    size_t start = (arena->used + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);

    if (start > arena->capacity || size > arena->capacity - start) {
        arena->overflow = true;
        return NULL;
    }
    arena->used = start + size;
    return arena->data + start;
}

/* As arena_alloc for count * size, with the product checked; cleared. */
void *arena_zalloc(struct arena *arena, size_t count, size_t size);

/* A copy of size bytes. */
void *arena_copy(struct arena *arena, const void *data, size_t size);

/* An array of `count` objects of a type, not cleared. */
#define arena_array(arena, type, count)                                        \
    ((type *)arena_alloc_array((arena), (count), sizeof(type)))
static inline void *arena_alloc_array(
        struct arena *arena, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        arena->overflow = true;
        return NULL;
    }
    return arena_alloc(arena, bytes);
}

static inline size_t arena_left(const struct arena *arena)
{
    return arena->capacity - arena->used;
}

static inline void arena_reset(struct arena *arena)
{
    arena->used = 0;
    arena->overflow = false;
}

/* Gives back everything that was allocated since `mark` (an earlier `used`);
 * the overflow flag stays. */
static inline void arena_release(struct arena *arena, size_t mark)
{
    arena->used = mark;
}

#endif
