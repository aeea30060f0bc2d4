/*
 * example.h - what the examples share: ports for POSIX systems, an enrolled replica in a fresh folder, and one
 * way to end when something fails.
 *
 * So that they run anywhere, a stand-in for headquarters answers their enrolment, and nothing else. An app uses
 * rove_posix_transport_new alone, as sync.c does, and a code that its operator was given.
 */
#ifndef ROVE_EXAMPLES_EXAMPLE_H
#define ROVE_EXAMPLES_EXAMPLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rove/posix.h>
#include <rove/rove.h>

/* A code as operators give them out: nobody's. */
#define EXAMPLE_CODE                                                                               \
    "1CR5A-YMZRK-MGWCT-RFPHC-FV0H6-R2MX5-Z055S-BP12D-JVFJG-WDT0D-69BQH-7E2WG-4JWMV-MK6ZE-019A9-"   \
    "XSGZS"

/* Ends the program unless a call went well. */
#define EXAMPLE_OK(call, error)                                                                    \
    do {                                                                                           \
        rove_status example_status_ = (call);                                                      \
        if (example_status_ != ROVE_OK) {                                                          \
            fprintf(stderr, "%s: %s: %s\n", #call, rove_status_name(example_status_),              \
                    (error)->message);                                                             \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* The stand-in: a nonce for GET, an identity for POST (docs/protocol.md has the bytes), and no network else. */
static inline rove_status example_answer(void *ctx, const rove_request *request,
                                         rove_response *response, rove_error *error) {
    static const uint8_t nonce[32];
    static const uint8_t sealing_key[91] = {
        0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
        0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00,
        0x04, 0x19, 0x82, 0x0c, 0xe2, 0xd0, 0x88, 0x9b, 0x5b, 0x6c, 0xe0, 0x33, 0x76,
        0x57, 0x72, 0x87, 0x33, 0x9a, 0x75, 0xfe, 0x9a, 0x8b, 0x37, 0x98, 0x16, 0xf9,
        0x70, 0x18, 0x1c, 0xb3, 0xf8, 0x60, 0x4f, 0x2d, 0xef, 0xb2, 0xa4, 0x6e, 0x1d,
        0xfd, 0xf7, 0x46, 0x51, 0x34, 0x4e, 0x38, 0x83, 0xa3, 0xef, 0x27, 0x0c, 0xa7,
        0x58, 0x80, 0x85, 0x5a, 0x85, 0xf6, 0xc7, 0x02, 0x30, 0xfd, 0x86, 0x2e, 0xd7,
    };
    uint8_t identity[256] = {1 /* version */,
                             7 /* replica */,
                             9 /* user */,
                             0,
                             0,
                             0 /* times */,
                             1,
                             'a' /* authority */,
                             1,
                             'c' /* certificate */};
    uint8_t ignored[256];
    size_t size = 1;
    rove_status status = ROVE_OK;

    (void)ctx;
    memset(response, 0, sizeof *response);
    if (strstr(request->url, "/v1/enroll") == NULL) {
        snprintf(error->message, sizeof error->message, "There is no headquarters here.");
        return ROVE_NETWORK;
    }
    if (strcmp(request->method, "GET") == 0) {
        return request->write_answer(request->ctx, nonce, sizeof nonce);
    }
    while (status == ROVE_OK && size > 0) {
        status = request->read_body(request->ctx, ignored, sizeof ignored, &size);
    }
    /* After them two pins of 32 bytes and an empty name: zeros. */
    memcpy(identity + 10 + 2 * 32 + 1, sealing_key, sizeof sealing_key);
    return status == ROVE_OK
               ? request->write_answer(request->ctx, identity, 10 + 2 * 32 + 1 + sizeof sealing_key)
               : status;
}

/* The ports of a POSIX system; example_ports_free when the replica is closed. */
static inline void example_ports(rove_ports *ports) {
    memset(ports, 0, sizeof *ports);
    rove_posix_allocator(&ports->allocator);
    rove_posix_clock(&ports->clock);
    rove_posix_random(&ports->random);
    rove_posix_files(&ports->files);
    if (rove_posix_crypto_new(&ports->crypto) != ROVE_OK) {
        fprintf(stderr, "no cryptography\n");
        exit(1);
    }
    ports->transport.perform = example_answer;
    ports->app = "example 1.0";
}

static inline void example_ports_free(rove_ports *ports) {
    rove_posix_crypto_free(&ports->crypto);
}

/* An enrolled replica in `folder`, emptied of what a former run left. */
static inline rove *example_open(const rove_ports *ports, const char *folder) {
    static const char *const files[] = {"replica.db",     "replica.db-wal", "replica.db-shm",
                                        "replica.db-log", "identity",       "core.key",
                                        "drop.box",       "drop.to",        "orders"};
    rove *replica = NULL;
    rove_error error;
    char path[256];

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        snprintf(path, sizeof path, "%s/%s", folder, files[i]);
        (void)remove(path);
    }
    EXAMPLE_OK(rove_open(ports, folder, &replica, &error), &error);
    EXAMPLE_OK(rove_enroll(replica, "https://hq.example.com:8443", EXAMPLE_CODE, &error), &error);
    return replica;
}

#endif
