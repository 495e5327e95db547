/* CRC-32C by table alone, what processors without the instruction use. Here
 * for the test that compares the two; everybody else calls crc32c. */
#ifndef BASE_CRC_TABLE_H
#define BASE_CRC_TABLE_H

#include "base/bytes.h"

uint32_t crc32c_by_table(uint32_t crc, struct bytes bytes);

#endif
