#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(
        const char *condition, const char *file, int line, const char *where)
{
    fprintf(stderr,
            "level=fatal id=check file=%s line=%d function=%s "
            "condition=\"%s\"\n",
            file, line, where, condition);
    abort();
}
