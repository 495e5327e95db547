/* The dashboard's files (service/dashboard), in the program itself: nothing is
 * installed beside it and no request leaves the machine. */
#ifndef SERVICE_ASSETS_H
#define SERVICE_ASSETS_H

#include <stdbool.h>
#include <stddef.h>

struct asset {
    const char *type;
    const char *data; /* of static storage */
    size_t size;
};

/* The file that is asked for by this path; false: there is none. */
bool asset_find(const char *path, struct asset *asset);

#endif
