/*
 * keys.h - the private authority and the server's certificate of a headquarters, as files of its folder.
 *
 * ca.key and server.key are PKCS#8 PEM, ca.der and server.der certificates, seal.key the private key (DER) of what devices
 * seal for headquarters (wire/sealed.h), server-next.key, where it is, the key that server.key is replaced by at the next
 * rotation (rotate.h); all of mode 0600. None of them is in the database, so that who steals a backup of it can issue nothing.
 *
 * ca-next.key and ca-next.der are the authority that follows at its rotation, ca-former.der the certificate of the one before
 * the last, whose devices are let in until it is ended. So there are never more than two authorities that count. ca-ended.der has
 * the certificates of those that were ended, the last one first: by them it is known who sealed work that arrives late, and
 * nobody is let in.
 *
 * In memory they are a picture of the files that never changes: who changes a file loads another one (hq.h).
 *
 * server.key is replaced first, and server.der follows; ca.key, and ca.der and server.der follow: loading finishes what a killed
 * process left between the two. Only where the key is that of the next, however: one that somebody put there is no rotation.
 */
#ifndef ROVE_HQ_KEYS_H
#define ROVE_HQ_KEYS_H

#include "hq.h"
#include "posix/pki.h"
#include "posix/pki_sign.h"

#define HQ_ENDED_MAX 8 /* authorities that are remembered; the oldest is forgotten */

/* A private key of the server, as it signs. */
typedef struct hq_server_key {
    rove_pki_bytes pem;
    rove_pki_signer *signer; /* NULL: there is none */
    uint8_t public_der[ROVE_PUBLIC_KEY_DER_MAX];
    size_t public_size;
    uint8_t pin[ROVE_SHA256_SIZE];
} hq_server_key;

typedef struct hq_keys {
    rove_pki_authority *authority;
    rove_pki_authority *former;              /* issues nothing; NULL: there is none */
    rove_pki_bytes ca;                       /* DER */
    rove_pki_bytes ca_next;                  /* DER; size 0: there is none */
    rove_pki_bytes ca_former;                /* the same */
    rove_pki_bytes ca_ended;                 /* DER, one after the other */
    rove_pki_authority *ended[HQ_ENDED_MAX]; /* as far as there are any */
    rove_pki_bytes trusted;                  /* what devices are told: ca, and ca_next behind it */
    rove_pki_bytes server;                   /* DER */
    hq_server_key own;
    hq_server_key next;
    rove__server_sealing sealing;           /* borrows from what follows */
    uint8_t seal_private[ROVE_KEY_DER_MAX]; /* DER */
    uint8_t seal_key[ROVE_SEAL_KEY_SIZE];   /* what devices are told */
    struct hq_keys *older;                  /* the picture before this one */
} hq_keys;

/* Makes what is missing of the files; an authority that is there is kept. */
ROVE_CHECK rove_status hq_keys_make(const hq_ports *ports, const char *folder,
                                    const hq_init_options *options, rove_error *error);
/*
 * Loads them; hq_keys_free. NOT_FOUND where there is no authority. A folder from before there was a seal.key gets one.
 */
ROVE_CHECK rove_status hq_keys_load(const hq_ports *ports, const char *folder, hq_keys **out,
                                    rove_error *error);
/* Wipes and frees it, and those before it. NULL is fine. */
void hq_keys_free(const hq_ports *ports, hq_keys *keys);

/*
 * A new certificate for the key that the server has, so that pins stay valid; for the names of the old one where `count`
 * is 0. server.der is replaced as a whole. INVALID: a name; also a server.der that cannot be read.
 */
ROVE_CHECK rove_status hq_keys_renew(const hq_ports *ports, const char *folder, const hq_keys *keys,
                                     const char *const *hosts, size_t count, rove_error *error);
/* A fresh key, which is server-next.key once it was put; hq_server_key_wipe. */
ROVE_CHECK rove_status hq_server_key_make(hq_server_key *out, rove_error *error);
ROVE_CHECK rove_status hq_keys_put_next(const hq_ports *ports, const char *folder,
                                        const hq_server_key *key, rove_error *error);
void hq_server_key_wipe(hq_server_key *key);
/* server.key, or server-next.key, of a folder that is left as it is; hq_server_key_wipe in any case. NOT_FOUND. */
ROVE_CHECK rove_status hq_server_key_read(const hq_ports *ports, const char *folder, int next,
                                          hq_server_key *out, rove_error *error);
/* server-next.key becomes server.key; loading does the rest. */
ROVE_CHECK rove_status hq_keys_promote(const hq_ports *ports, const char *folder,
                                       const hq_keys *keys, rove_error *error);

/* The certificate of a device, of either authority that counts. As rove_pki_device_read. */
ROVE_CHECK rove_status hq_keys_recognise(const hq_keys *keys, const void *der, size_t size,
                                         rove_pki_device *device);
/* The authority that is to come, as files. */
ROVE_CHECK rove_status hq_keys_put_next_authority(const hq_ports *ports, const char *folder,
                                                  const rove_pki_bytes *key,
                                                  const rove_pki_bytes *certificate,
                                                  rove_error *error);
/* Before it is recorded that it follows. NOT_FOUND, INVALID: its key is missing, or another one. */
ROVE_CHECK rove_status hq_keys_check_next_authority(const hq_ports *ports, const char *folder,
                                                    const hq_keys *keys, rove_error *error);
/* It becomes the authority, and the one that was the former; loading does the rest. */
ROVE_CHECK rove_status hq_keys_promote_authority(const hq_ports *ports, const char *folder,
                                                 const hq_keys *keys, rove_error *error);
/* The former authority counts no more. */
ROVE_CHECK rove_status hq_keys_end_authority(const hq_ports *ports, const char *folder,
                                             const hq_keys *keys, rove_error *error);

#endif
