#include "sim/world.h"

#include <string.h>

extern const struct world_functions world_groupwise;
extern const struct world_functions world_payments;

const struct world_functions *const worlds[] = {
        &world_groupwise, &world_payments, NULL};

const struct world_functions *world_find(const char *name)
{
    for (size_t i = 0; worlds[i] != NULL; i++)
        if (strcmp(worlds[i]->name, name) == 0)
            return worlds[i];
    return NULL;
}
