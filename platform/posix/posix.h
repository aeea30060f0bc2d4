/*
 * posix.h - Rove's ports (rove/sys/) for POSIX systems. Tried on Linux.
 *
 * Every function fills in a port that the caller owns. Ports without a _free function hold no state:
 * they may be copied, used from any thread and simply forgotten. A port with a _free function owns
 * what its ctx points to; free it once, when nothing uses it or a copy of it any more.
 */
#ifndef ROVE_POSIX_H
#define ROVE_POSIX_H

#include <stdint.h>

#include "rove/client.h"
#include "rove/sys/alloc.h"
#include "rove/sys/clock.h"
#include "rove/sys/crypto.h"
#include "rove/sys/files.h"
#include "rove/sys/keyring.h"
#include "rove/sys/log.h"
#include "rove/sys/random.h"
#include "rove/sys/transport.h"

#ifdef __cplusplus
extern "C" {
#endif

/*
 * All that rove_open takes, in one call: the ports below, and no log, app or keyring. Cryptography is OpenSSL's, which libcurl
 * brings. Allocator, clock, random, files and cryptography hold no state. NOMEM, TLS as below; then nothing was made.
 */
ROVE_CHECK rove_status rove_posix_ports_new(rove_ports *out);
/* Releases what _new made and clears *ports. Cleared ports or NULL are fine. */
void rove_posix_ports_free(rove_ports *ports);

/* The system's clocks and boot id. Any thread. */
void rove_posix_clock(rove_clock *out);
/*
 * Adds wall_offset_ms to the wall clock that every rove_posix_clock of this process reports, in place
 * of any offset set before. It simulates a device whose clock is wrong. Any thread.
 */
void rove_posix_clock_skew(int64_t wall_offset_ms);

/* The kernel's random numbers. Any thread. */
void rove_posix_random(rove_random *out);

/* Files and advisory locks. Any thread, one call at a time per path. */
void rove_posix_files(rove_files *out);

/* realloc and free. Any thread. */
void rove_posix_allocator(rove_allocator *out);

/*
 * From now on this process overwrites memory as it frees it, that of other libraries too, but for blocks of up to a kilobyte, which
 * glibc keeps at hand as they are; what Rove and SQLite free is overwritten without it. It costs some percent of the time. 0: this
 * C library cannot (only glibc's can).
 * Any thread; it cannot be taken back.
 */
int rove_posix_overwrite_freed(void);

/*
 * The keyring's secret from a file of ROVE_SECRET_SIZE bytes: for systems without a keystore. If there is none it is made, readable
 * by this user alone. It protects a replica whose folder is copied or taken without the file; keep it where backups of the
 * folder do not go. CORRUPT: it has another size. DENIED: others may read it. IO, FULL, READONLY. Any thread.
 */
ROVE_CHECK rove_status rove_posix_secret_file(const char *path, uint8_t secret[ROVE_SECRET_SIZE],
                                              rove_error *error);

/* One line per report on standard error, with the time in UTC. Any thread. */
void rove_posix_log_stderr(rove_log *out, rove_log_level most);

/*
 * Cryptography by mbedTLS. ROVE_NOMEM; ROVE_CRYPTO when the system gives no random numbers.
 * The port: any thread, several at once, also on both sides of a fork.
 */
ROVE_CHECK rove_status rove_posix_crypto_new(rove_crypto *out);
/* Releases what _new made and clears *crypto. A cleared or NULL port is fine. */
void rove_posix_crypto_free(rove_crypto *crypto);

/* The crypto port over OpenSSL; it holds nothing, and any number of threads may use it. */
void rove_posix_crypto_openssl(rove_crypto *out);

/*
 * HTTPS by libcurl with OpenSSL. ROVE_NOMEM; ROVE_TLS when libcurl was built with another TLS library.
 * `allocator` is copied and has to live as long as the transport. The port: one thread at a time; a
 * connection is kept between requests of the same identity and trust, and not used across a fork.
 */
ROVE_CHECK rove_status rove_posix_transport_new(rove_transport *out,
                                                const rove_allocator *allocator);
/* Closes its connections and clears *transport. A cleared or NULL port is fine. */
void rove_posix_transport_free(rove_transport *transport);

#ifdef __cplusplus
}
#endif
#endif
