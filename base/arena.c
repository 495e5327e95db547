#include "base/arena.h"

#include "base/check.h"

#include <string.h>

#define ARENA_ALIGN ((size_t)16)

void *arena_alloc(struct arena *arena, size_t size)
{
    size_t start;

    CHECK(arena->used <= arena->capacity);
    start = (arena->used + ARENA_ALIGN - 1) & ~(ARENA_ALIGN - 1);
    if (start > arena->capacity || size > arena->capacity - start) {
        arena->overflow = true;
        return NULL;
    }
    arena->used = start + size;
    return arena->data + start;
}

void *arena_alloc_array(struct arena *arena, size_t count, size_t size)
{
    size_t bytes;

    if (__builtin_mul_overflow(count, size, &bytes)) {
        arena->overflow = true;
        return NULL;
    }
    return arena_alloc(arena, bytes);
}

void *arena_zalloc(struct arena *arena, size_t count, size_t size)
{
    void *block = arena_alloc_array(arena, count, size);

    if (block != NULL)
        memset(block, 0, count * size);
    return block;
}

void *arena_copy(struct arena *arena, const void *data, size_t size)
{
    void *block = arena_alloc(arena, size);

    if (block != NULL && size > 0)
        memcpy(block, data, size);
    return block;
}
