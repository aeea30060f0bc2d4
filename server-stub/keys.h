/*
 * keys.h - the private authority and the server's certificate of a headquarters, as files of its folder.
 *
 * ca.key and server.key are PKCS#8 PEM, ca.der and server.der certificates, seal.key the private key (DER) of what devices
 * seal for headquarters (wire/sealed.h); all of mode 0600. None of them is in the
 * database, so that who steals a backup of it can issue nothing.
 */
#ifndef ROVE_HQ_KEYS_H
#define ROVE_HQ_KEYS_H

#include "hq.h"
#include "posix/pki.h"
#include "posix/pki_sign.h"

typedef struct hq_keys {
    rove_pki_authority *authority;
    rove_pki_bytes ca;         /* DER */
    rove_pki_bytes server;     /* DER */
    rove_pki_bytes server_key; /* PEM */
    rove_pki_signer *signer;   /* by server_key */
    uint8_t pin[ROVE_SHA256_SIZE];
    rove__server_sealing sealing;           /* borrows from what follows */
    uint8_t seal_private[ROVE_KEY_DER_MAX]; /* DER */
    uint8_t seal_key[ROVE_SEAL_KEY_SIZE];   /* what devices are told */
} hq_keys;

/* Makes what is missing of the files; an authority that is there is kept. */
ROVE_CHECK rove_status hq_keys_make(const hq_ports *ports, const char *folder,
                                    const hq_init_options *options, rove_error *error);
/*
 * Loads them; hq_keys_wipe releases. *keys must not move. NOT_FOUND where there is no authority. A folder from before there
 * was a seal.key gets one.
 */
ROVE_CHECK rove_status hq_keys_load(const hq_ports *ports, const char *folder, hq_keys *keys,
                                    rove_error *error);
/*
 * A new certificate for the key that the server has, so that pins stay valid; for the names of the old one where `count`
 * is 0. server.der is replaced as a whole, then `keys` follows. INVALID: a name; also a server.der that cannot be read.
 */
ROVE_CHECK rove_status hq_keys_renew(const hq_ports *ports, const char *folder, hq_keys *keys,
                                     const char *const *hosts, size_t count, int64_t now_ms,
                                     rove_error *error);
void hq_keys_wipe(hq_keys *keys);

#endif
