#include "base/arena.h"

#include <string.h>

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
