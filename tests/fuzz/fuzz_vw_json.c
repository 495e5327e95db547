/* Lines of the format vw-json (formats/). */
#include "tests/fuzz/formats.h"

const uint32_t fuzz_mutations = 20000;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_format(&format_vw_json, bytes_of(data, size));
    return 0;
}
