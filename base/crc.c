/* Two implementations of the same function: the processor's instruction where
 * there is one, tables of eight bytes a step elsewhere. The choice is made
 * once per call from a flag that the compiler's runtime fills in at start. */
#include "base/crc.h"

#include "base/crc_table.h"
#include "base/endian.h"

#define CRC_POLYNOMIAL UINT32_C(0x82F63B78)

static uint32_t crc_table[8][256];
static int crc_hardware;

__attribute__((constructor)) static void crc_prepare(void)
{
    for (uint32_t byte = 0; byte < 256; byte++) {
        uint32_t crc = byte;
        for (int bit = 0; bit < 8; bit++)
            crc = (crc >> 1) ^ (CRC_POLYNOMIAL & (0u - (crc & 1)));
        crc_table[0][byte] = crc;
    }
    for (uint32_t byte = 0; byte < 256; byte++)
        for (size_t row = 1; row < 8; row++)
            crc_table[row][byte] = (crc_table[row - 1][byte] >> 8) ^
                    crc_table[0][crc_table[row - 1][byte] & 0xff];
#if defined(__x86_64__)
    __builtin_cpu_init();
    crc_hardware = __builtin_cpu_supports("sse4.2") != 0;
#endif
}

static uint32_t crc_by_table(uint32_t crc, struct bytes bytes)
{
    const uint8_t *data = bytes.data;
    size_t left = bytes.size;

    for (; left >= 8; left -= 8, data += 8) {
        uint64_t word = load_le64(data) ^ crc;
        crc = 0;
        for (size_t row = 0; row < 8; row++)
            crc ^= crc_table[7 - row][(word >> (8 * row)) & 0xff];
    }
    for (; left > 0; left--, data++)
        crc = (crc >> 8) ^ crc_table[0][(crc ^ *data) & 0xff];
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc_by_instruction(
        uint32_t crc, struct bytes bytes)
{
    const uint8_t *data = bytes.data;
    size_t left = bytes.size;
    uint64_t wide = crc;

    for (; left >= 8; left -= 8, data += 8)
        wide = __builtin_ia32_crc32di(wide, load_le64(data));
    crc = (uint32_t)wide;
    for (; left > 0; left--, data++)
        crc = __builtin_ia32_crc32qi(crc, *data);
    return crc;
}
#else
static uint32_t crc_by_instruction(uint32_t crc, struct bytes bytes)
{
    return crc_by_table(crc, bytes);
}
#endif

uint32_t crc32c(uint32_t crc, struct bytes bytes)
{
    crc = ~crc;
    crc = crc_hardware ? crc_by_instruction(crc, bytes)
                       : crc_by_table(crc, bytes);
    return ~crc;
}

uint32_t crc32c_by_table(uint32_t crc, struct bytes bytes)
{
    return ~crc_by_table(~crc, bytes);
}
