/*
 * fault_wipe_plain.c - a replica is wiped that is not encrypted: see wiped.h.
 */
#include "wiped.h"

static void prepare(void) {
    wiped_prepare(0);
}

int main(int argc, char **argv) {
    return wiped_main(argc, argv, "wipe_plain", prepare);
}
