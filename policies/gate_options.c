#include "policies/gate_options.h"

const char *const gate_proof_choices[] = {"auto", "off", "on", NULL};
