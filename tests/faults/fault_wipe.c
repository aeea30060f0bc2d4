/*
 * fault_wipe.c - an encrypted replica is wiped: see wiped.h.
 */
#include "wiped.h"

static void prepare(void) {
    wiped_prepare(1);
}

int main(int argc, char **argv) {
    return wiped_main(argc, argv, "wipe", prepare);
}
