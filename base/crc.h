/* CRC-32C (Castagnoli, polynomial 0x1EDC6F41, reflected), as in RFC 3720
 * appendix B.4: crc32c(0, "123456789") = 0xE3069283. */
#ifndef BASE_CRC_H
#define BASE_CRC_H

#include "base/bytes.h"

/* The checksum of `bytes` that continues `crc` (0 to start with). */
uint32_t crc32c(uint32_t crc, struct bytes bytes);

#endif
