/*
 * ports.c - all ports of a POSIX system at once.
 */
#include "posix.h"

#include <string.h>

rove_status rove_posix_ports_new(rove_ports *out) {
    memset(out, 0, sizeof *out);
    rove_posix_allocator(&out->allocator);
    rove_posix_clock(&out->clock);
    rove_posix_random(&out->random);
    rove_posix_files(&out->files);
    rove_posix_crypto_openssl(&out->crypto);
    rove_status status = rove_posix_transport_new(&out->transport, &out->allocator);
    if (status != ROVE_OK) {
        rove_posix_ports_free(out);
    }
    return status;
}

void rove_posix_ports_free(rove_ports *ports) {
    if (ports == NULL) {
        return;
    }
    rove_posix_transport_free(&ports->transport);
    memset(ports, 0, sizeof *ports);
}
