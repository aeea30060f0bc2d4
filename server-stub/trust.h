/*
 * trust.h - whom each device trusts, as far as headquarters can know: which pins and authorities stood in the identity that came
 * with its certificate.
 *
 *   setting "told/<replica>" = hash[32] id[8]*    hash: of the key of the certificate that it came with; id: the first bytes of
 *                                                 a pin, or of SHA-256 of an authority's certificate
 *
 * An identity is one file of a device, with the certificate in it. So who shows that certificate has kept what came with it; and
 * who was told other things than hold now is told to renew (Welcome), whereupon it has them. A device that is not known here (of an
 * older headquarters, or after a restore) counts as one that was told nothing.
 */
#ifndef ROVE_HQ_TRUST_H
#define ROVE_HQ_TRUST_H

#include "keys.h"

#define TRUST_ID_SIZE 8
#define TRUST_MAX     4

typedef struct trust {
    size_t count;
    uint8_t ids[TRUST_MAX][TRUST_ID_SIZE];
} trust;

/* What devices are told now, and that of it without which they do not find headquarters. */
ROVE_CHECK rove_status trust_now(const hq_ports *ports, const hq_keys *keys, trust *out);
ROVE_CHECK rove_status trust_needed(const hq_ports *ports, const hq_keys *keys, trust *out);
/* SHA-256 of an authority's certificate. */
ROVE_CHECK rove_status trust_authority(const hq_ports *ports, const rove_pki_bytes *certificate,
                                       uint8_t hash[ROVE_SHA256_SIZE]);
/* 1: all of `wanted` is in it. */
int trust_has(const trust *self, const trust *wanted);
/* `what`: a pin, or SHA-256 of an authority's certificate. */
int trust_knows(const trust *self, const uint8_t *what);
int trust_equal(const trust *a, const trust *b);

/* In the job that issues a certificate for a key: what comes with it. */
ROVE_CHECK rove_status trust_tell(hq *headquarters, rove__hq_tx *tx, const hq_keys *keys,
                                  rove_replica replica, const uint8_t key_hash[ROVE_SHA256_SIZE]);
/* What a device that shows a certificate for this key was told. */
ROVE_CHECK rove_status trust_of(hq *headquarters, rove__hq_tx *tx, rove_replica replica,
                                const uint8_t key_hash[ROVE_SHA256_SIZE], trust *out);
/*
 * What every device that is in service certainly has: a renewal counts once the new certificate was shown. A new device counts
 * at once, for it has what came with its only certificate, or nothing to come with.
 */
ROVE_CHECK rove_status trust_scan(hq *headquarters, rove__hq_tx *tx,
                                  rove_status (*each)(void *ctx, const rove__hq_device *device,
                                                      const trust *has),
                                  void *ctx);

/* The name of the setting that has the key of a device's certificate before the last renewal, until the new one was shown. */
void trust_former_key_name(char name[ROVE_NAME_MAX], rove_replica replica);

#endif
