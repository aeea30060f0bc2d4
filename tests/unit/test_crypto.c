/*
 * test_crypto.c - the crypto port over mbedTLS and over OpenSSL: published vectors, what it refuses, and that each takes what
 * the other makes.
 *
 * SHA-256: FIPS 180-4 examples. HMAC: RFC 4231. HKDF: RFC 5869. GCM: the vectors of McGrew and Viega.
 * ECDH: NIST CAVS, P-256, count 0. ECDSA: RFC 6979, A.2.5.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <mbedtls/x509_csr.h>

#include "posix/pki.h"
#include "posix/posix.h"

#define BYTES_MAX 256

typedef struct bytes {
    size_t size;
    uint8_t data[BYTES_MAX];
} bytes;

static bytes hex(const char *text) {
    static const char digits[] = "0123456789abcdef";
    bytes out = {0, {0}};
    for (size_t i = 0; text[i] != '\0' && text[i + 1] != '\0'; i += 2) {
        out.data[out.size++] = (uint8_t)((strchr(digits, text[i]) - digits) * 16 +
                                         (strchr(digits, text[i + 1]) - digits));
    }
    return out;
}

static void assert_bytes(const void *actual, const char *expected) {
    bytes want = hex(expected);
    assert_memory_equal(actual, want.data, want.size);
}

/* Which of the two is at work. */
static enum { MBEDTLS, OPENSSL } backend;

static rove_crypto make(int which) {
    rove_crypto crypto;
    if (which == OPENSSL) {
        rove_posix_crypto_openssl(&crypto);
    } else {
        assert_int_equal(rove_posix_crypto_new(&crypto), ROVE_OK);
    }
    return crypto;
}

static void unmake(rove_crypto *crypto, int which) {
    if (which == MBEDTLS) {
        rove_posix_crypto_free(crypto);
    }
}

static int set_up(void **state) {
    rove_crypto *crypto = calloc(1, sizeof *crypto);
    assert_non_null(crypto);
    *crypto = make((int)backend);
    *state = crypto;
    return 0;
}

static int tear_down(void **state) {
    unmake(*state, (int)backend);
    free(*state);
    return 0;
}

static void test_sha256(void **state) {
    const rove_crypto *c = *state;
    uint8_t out[ROVE_SHA256_SIZE];
    const rove_span pieces[] = {{"a", 1}, {NULL, 0}, {"bc", 2}};
    assert_int_equal(c->sha256(c->ctx, pieces, 3, out), ROVE_OK);
    assert_bytes(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    assert_int_equal(c->sha256(c->ctx, NULL, 0, out), ROVE_OK);
    assert_bytes(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
}

static void test_hmac(void **state) {
    const rove_crypto *c = *state;
    uint8_t out[ROVE_SHA256_SIZE];
    uint8_t long_key[131];
    const rove_span pieces[] = {{"what do ya want ", 16}, {"for nothing?", 12}};
    const rove_span short_text = {"Hi There", 8};
    assert_int_equal(c->hmac_sha256(c->ctx,
                                    "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b"
                                    "\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b\x0b",
                                    20, &short_text, 1, out),
                     ROVE_OK);
    assert_bytes(out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    assert_int_equal(c->hmac_sha256(c->ctx, "Jefe", 4, pieces, 2, out), ROVE_OK);
    assert_bytes(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(long_key, 0xaa, sizeof long_key);
    const rove_span hashed = {"Test Using Larger Than Block-Size Key - Hash Key First", 54};
    assert_int_equal(c->hmac_sha256(c->ctx, long_key, sizeof long_key, &hashed, 1, out), ROVE_OK);
    assert_bytes(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    const rove_span longer[] = {
        {"This is a test using a larger than block-size key and a larger than ", 68},
        {"block-size data. The key needs to be hashed before being used by the HMAC algorithm.",
         84}};
    assert_int_equal(c->hmac_sha256(c->ctx, long_key, sizeof long_key, longer, 2, out), ROVE_OK);
    assert_bytes(out, "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

static void test_hkdf(void **state) {
    const rove_crypto *c = *state;
    uint8_t out[255 * ROVE_SHA256_SIZE + 1];
    bytes secret = hex("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b");
    bytes salt = hex("000102030405060708090a0b0c");
    bytes info = hex("f0f1f2f3f4f5f6f7f8f9");
    assert_int_equal(c->hkdf_sha256(c->ctx, secret.data, secret.size, salt.data, salt.size,
                                    info.data, info.size, out, 42),
                     ROVE_OK);
    assert_bytes(out, "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
                      "34007208d5b887185865");
    assert_int_equal(c->hkdf_sha256(c->ctx, secret.data, secret.size, NULL, 0, NULL, 0, out, 42),
                     ROVE_OK);
    assert_bytes(out, "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
                      "9d201395faa4b61a96c8");
    assert_int_equal(
        c->hkdf_sha256(c->ctx, secret.data, secret.size, NULL, 0, NULL, 0, out, sizeof out - 1),
        ROVE_OK);
    assert_int_equal(
        c->hkdf_sha256(c->ctx, secret.data, secret.size, NULL, 0, NULL, 0, out, sizeof out),
        ROVE_INVALID);
}

static void test_hkdf_of_long_input(void **state) {
    const rove_crypto *c = *state;
    uint8_t out[82];
    uint8_t parts[3][80]; /* secret, salt, info */
    for (size_t i = 0; i < sizeof parts[0]; i++) {
        parts[0][i] = (uint8_t)i;
        parts[1][i] = (uint8_t)(0x60 + i);
        parts[2][i] = (uint8_t)(0xb0 + i);
    }
    assert_int_equal(c->hkdf_sha256(c->ctx, parts[0], sizeof parts[0], parts[1], sizeof parts[1],
                                    parts[2], sizeof parts[2], out, sizeof out),
                     ROVE_OK);
    assert_bytes(out, "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
                      "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
                      "cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

typedef struct gcm_case {
    const char *key, *nonce, *aad, *plain, *sealed, *tag;
} gcm_case;

static const gcm_case gcm_cases[] = {
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "00000000000000000000000000000000", "cea7403d4d606b6e074ec5d3baf39d18",
     "d0d1c8a799996bf0265b98b5d48ab919"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b391aafd255",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662898015ad",
     "b094dac5d93471bdec1a502270e3cc6c"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72"
     "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa"
     "8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
};

static void test_gcm(void **state) {
    const rove_crypto *c = *state;
    for (size_t i = 0; i < sizeof gcm_cases / sizeof gcm_cases[0]; i++) {
        bytes key = hex(gcm_cases[i].key);
        bytes nonce = hex(gcm_cases[i].nonce);
        bytes aad = hex(gcm_cases[i].aad);
        bytes text = hex(gcm_cases[i].plain);
        uint8_t tag[ROVE_GCM_TAG_SIZE];
        assert_int_equal(c->gcm_seal(c->ctx, key.data, nonce.data, aad.data, aad.size, text.data,
                                     text.size, text.data, tag),
                         ROVE_OK);
        assert_bytes(text.data, gcm_cases[i].sealed);
        assert_bytes(tag, gcm_cases[i].tag);
        assert_int_equal(c->gcm_open(c->ctx, key.data, nonce.data, aad.data, aad.size, text.data,
                                     text.size, tag, text.data),
                         ROVE_OK);
        assert_bytes(text.data, gcm_cases[i].plain);
    }
}

static void test_gcm_refuses_what_was_changed(void **state) {
    const rove_crypto *c = *state;
    const gcm_case *vector = &gcm_cases[3];
    bytes parts[5] = {hex(vector->key), hex(vector->nonce), hex(vector->aad), hex(vector->sealed),
                      hex(vector->tag)};
    const bytes plain = hex(vector->plain);
    for (size_t part = 0; part < 5; part++) {
        for (size_t at = 0; at < parts[part].size; at++) {
            uint8_t out[BYTES_MAX] = {0};
            parts[part].data[at] ^= 0x10;
            assert_int_equal(c->gcm_open(c->ctx, parts[0].data, parts[1].data, parts[2].data,
                                         parts[2].size, parts[3].data, parts[3].size, parts[4].data,
                                         out),
                             ROVE_CORRUPT);
            parts[part].data[at] ^= 0x10;
            assert_memory_not_equal(out, plain.data, 4); /* no byte of the text comes out */
        }
    }
}

/* A SEC1 private key without its public part, of P-256. */
static bytes sec1(const char *number) {
    bytes out = hex("30310201010420");
    bytes d = hex(number);
    bytes curve = hex("a00a06082a8648ce3d030107");
    memcpy(out.data + out.size, d.data, d.size);
    out.size += d.size;
    memcpy(out.data + out.size, curve.data, curve.size);
    out.size += curve.size;
    return out;
}

static bytes public_key(const char *x, const char *y) {
    bytes out = hex("3059301306072a8648ce3d020106082a8648ce3d03010703420004");
    bytes part = hex(x);
    memcpy(out.data + out.size, part.data, part.size);
    out.size += part.size;
    part = hex(y);
    memcpy(out.data + out.size, part.data, part.size);
    out.size += part.size;
    return out;
}

static void test_ecdh(void **state) {
    const rove_crypto *c = *state;
    uint8_t out[ROVE_ECDH_SIZE];
    bytes key = sec1("7d7dc5f71eb29ddaf80d6214632eeae03d9058af1fb6d22ed80badb62bc1a534");
    bytes peer = public_key("700c48f77f56584c5cc632ca65640db91b6bacce3a4df6b42ce7cc838833d287",
                            "db71e509e3fd9b060ddb20ba5c51dcc5948d46fbf640dfe0441782cab85fa4ac");
    assert_int_equal(c->ecdh(c->ctx, key.data, key.size, peer.data, peer.size, out), ROVE_OK);
    assert_bytes(out, "46fc62106420ff012e54a434fbdd2d25ccc5852060561e68040dd7778997bd7b");
}

static void test_ecdh_of_two_fresh_keys(void **state) {
    const rove_crypto *c = *state;
    bytes keys[2];
    bytes publics[2];
    uint8_t shared[2][ROVE_ECDH_SIZE];
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(c->key_generate(c->ctx, keys[i].data, ROVE_KEY_DER_MAX, &keys[i].size),
                         ROVE_OK);
        assert_int_equal(c->key_public(c->ctx, keys[i].data, keys[i].size, publics[i].data,
                                       ROVE_PUBLIC_KEY_DER_MAX, &publics[i].size),
                         ROVE_OK);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(c->ecdh(c->ctx, keys[i].data, keys[i].size, publics[1 - i].data,
                                 publics[1 - i].size, shared[i]),
                         ROVE_OK);
    }
    assert_memory_equal(shared[0], shared[1], ROVE_ECDH_SIZE);
}

#define SIGNER_D "c9afa9d845ba75166b5c215767b1d6934e50c3db36e89b127b8a622b120f6721"
#define SIGNER_X "60fed4ba255a9d31c961eb74c6356d68c049b8923b61fa6ce669622e60f29fb6"
#define SIGNER_Y "7903fe1008b8bc99a41ae9e95628bc64f2f1b20c2d7e9f5177a3c294d4462299"

static void test_sign_and_verify(void **state) {
    const rove_crypto *c = *state;
    bytes key = sec1(SIGNER_D);
    bytes own = {0, {0}};
    uint8_t signature[ROVE_SIGNATURE_MAX];
    size_t size = 0;
    assert_int_equal(
        c->key_public(c->ctx, key.data, key.size, own.data, ROVE_PUBLIC_KEY_DER_MAX, &own.size),
        ROVE_OK);
    assert_int_equal(own.size, 91);
    assert_memory_equal(own.data, public_key(SIGNER_X, SIGNER_Y).data, own.size);
    assert_int_equal(
        c->sign(c->ctx, key.data, key.size, "sample", 6, signature, sizeof signature, &size),
        ROVE_OK);
    if (backend == MBEDTLS) { /* the same every time; OpenSSL draws */
        assert_int_equal(size, 72);
        assert_bytes(signature,
                     "3046022100efd48b2aacb6a8fd1140dd9cd45e81d69d2c877b56aaf991c34d0ea84eaf3716"
                     "022100f7cb1c942d657c41d436c7a1b6e29f65f3e900dbb9aff4064dc4ab2f843acda8");
    }
    assert_int_equal(c->verify(c->ctx, own.data, own.size, "sample", 6, signature, size), ROVE_OK);
    assert_int_equal(c->verify(c->ctx, own.data, own.size, "simple", 6, signature, size),
                     ROVE_CORRUPT);
    for (size_t i = 0; i < size; i++) {
        signature[i] ^= 1;
        assert_int_equal(c->verify(c->ctx, own.data, own.size, "sample", 6, signature, size),
                         ROVE_CORRUPT);
        signature[i] ^= 1;
        assert_int_equal(c->verify(c->ctx, own.data, own.size, "sample", 6, signature, i),
                         ROVE_CORRUPT);
    }
}

static void test_what_is_no_key_is_refused(void **state) {
    const rove_crypto *c = *state;
    bytes good = sec1(SIGNER_D);
    bytes off_curve = public_key(SIGNER_X, SIGNER_Y);
    /* P-384 */
    bytes foreign = hex("303e0201010430"
                        "010101010101010101010101010101010101010101010101"
                        "010101010101010101010101010101010101010101010101"
                        "a00706052b81040022");
    bytes zero = sec1("0000000000000000000000000000000000000000000000000000000000000000");
    bytes out = {0, {0}};
    uint8_t shared[ROVE_ECDH_SIZE];
    off_curve.data[off_curve.size - 1] ^= 1;
    assert_int_equal(c->key_public(c->ctx, foreign.data, foreign.size, out.data,
                                   ROVE_PUBLIC_KEY_DER_MAX, &out.size),
                     ROVE_INVALID);
    assert_int_equal(
        c->key_public(c->ctx, zero.data, zero.size, out.data, ROVE_PUBLIC_KEY_DER_MAX, &out.size),
        ROVE_INVALID);
    for (size_t size = 0; size < good.size; size++) {
        assert_int_equal(
            c->sign(c->ctx, good.data, size, "sample", 6, out.data, ROVE_SIGNATURE_MAX, &out.size),
            ROVE_INVALID);
    }
    assert_int_equal(c->ecdh(c->ctx, good.data, good.size, off_curve.data, off_curve.size, shared),
                     ROVE_INVALID);
    assert_int_equal(c->verify(c->ctx, off_curve.data, off_curve.size, "sample", 6, good.data, 8),
                     ROVE_INVALID);
    assert_int_equal(c->verify(c->ctx, NULL, 0, "sample", 6, good.data, 8), ROVE_INVALID);
}

static void test_buffers_that_are_too_small(void **state) {
    const rove_crypto *c = *state;
    bytes key = sec1(SIGNER_D);
    uint8_t out[ROVE_CSR_DER_MAX];
    uint8_t proof[65] = {0};
    size_t size = 1;
    assert_int_equal(c->key_generate(c->ctx, out, 16, &size), ROVE_TOO_BIG);
    assert_int_equal(size, 0);
    assert_int_equal(c->key_public(c->ctx, key.data, key.size, out, 90, &size), ROVE_TOO_BIG);
    assert_int_equal(c->sign(c->ctx, key.data, key.size, "sample", 6, out, 16, &size),
                     ROVE_TOO_BIG);
    assert_int_equal(c->csr(c->ctx, key.data, key.size, proof, 32, out, 100, &size), ROVE_TOO_BIG);
    assert_int_equal(c->csr(c->ctx, key.data, key.size, proof, 64, out, sizeof out, &size),
                     ROVE_OK);
    assert_int_equal(c->csr(c->ctx, key.data, key.size, proof, 65, out, sizeof out, &size),
                     ROVE_INVALID);
}

static void test_a_fork_makes_other_keys(void **state) {
    const rove_crypto *c = *state;
    bytes own = {0, {0}};
    bytes childs = {0, {0}};
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        rove_status status = c->key_generate(c->ctx, childs.data, ROVE_KEY_DER_MAX, &childs.size);
        ssize_t put = write(ends[1], &childs, sizeof childs);
        _exit(status == ROVE_OK && put == (ssize_t)sizeof childs ? 0 : 1);
    }
    int result = -1;
    assert_int_equal(read(ends[0], &childs, sizeof childs), (ssize_t)sizeof childs);
    assert_int_equal(waitpid(child, &result, 0), child);
    assert_int_equal(result, 0);
    assert_int_equal(c->key_generate(c->ctx, own.data, ROVE_KEY_DER_MAX, &own.size), ROVE_OK);
    assert_memory_not_equal(own.data, childs.data, own.size);
    (void)close(ends[0]);
    (void)close(ends[1]);
}

/* ---- between the two ------------------------------------------------------------------------------------ */

typedef struct person {
    rove_crypto crypto;
    bytes key, own; /* private and public */
} person;

static person people[2];

static int meet(void **state) {
    (void)state;
    for (int i = MBEDTLS; i <= OPENSSL; i++) {
        person *p = &people[i];
        p->crypto = make(i);
        const rove_crypto *c = &p->crypto;
        assert_int_equal(c->key_generate(c->ctx, p->key.data, ROVE_KEY_DER_MAX, &p->key.size),
                         ROVE_OK);
    }
    /* Each reads the key that the other generated. */
    for (int i = MBEDTLS; i <= OPENSSL; i++) {
        const rove_crypto *c = &people[1 - i].crypto;
        person *p = &people[i];
        assert_int_equal(c->key_public(c->ctx, p->key.data, p->key.size, p->own.data,
                                       ROVE_PUBLIC_KEY_DER_MAX, &p->own.size),
                         ROVE_OK);
    }
    return 0;
}

static int part(void **state) {
    (void)state;
    for (int i = MBEDTLS; i <= OPENSSL; i++) {
        unmake(&people[i].crypto, i);
    }
    return 0;
}

static void test_one_verifies_what_the_other_signs(void **state) {
    uint8_t signature[ROVE_SIGNATURE_MAX];
    size_t size = 0;
    (void)state;
    for (int i = MBEDTLS; i <= OPENSSL; i++) {
        const person *p = &people[i];
        const rove_crypto *mine = &p->crypto;
        const rove_crypto *other = &people[1 - i].crypto;
        assert_int_equal(mine->sign(mine->ctx, p->key.data, p->key.size, "a visit", 7, signature,
                                    sizeof signature, &size),
                         ROVE_OK);
        assert_int_equal(
            other->verify(other->ctx, p->own.data, p->own.size, "a visit", 7, signature, size),
            ROVE_OK);
        assert_int_equal(
            other->verify(other->ctx, p->own.data, p->own.size, "no visit", 8, signature, size),
            ROVE_CORRUPT);
    }
}

static void test_both_agree_on_a_secret(void **state) {
    uint8_t shared[2][ROVE_ECDH_SIZE];
    (void)state;
    for (int i = MBEDTLS; i <= OPENSSL; i++) {
        const rove_crypto *c = &people[i].crypto;
        assert_int_equal(c->ecdh(c->ctx, people[i].key.data, people[i].key.size,
                                 people[1 - i].own.data, people[1 - i].own.size, shared[i]),
                         ROVE_OK);
    }
    assert_memory_equal(shared[0], shared[1], ROVE_ECDH_SIZE);
}

static void test_one_opens_what_the_other_seals(void **state) {
    static const uint8_t key[ROVE_GCM_KEY_SIZE] = {1, 2, 3};
    static const uint8_t nonce[ROVE_GCM_NONCE_SIZE] = {4, 5, 6};
    uint8_t plain[4096];
    uint8_t text[4096];
    uint8_t tag[ROVE_GCM_TAG_SIZE];
    (void)state;
    for (size_t i = 0; i < sizeof plain; i++) {
        plain[i] = (uint8_t)(i * 31 >> 3);
    }
    for (int i = MBEDTLS; i <= OPENSSL; i++) {
        const rove_crypto *c = &people[i].crypto;
        const rove_crypto *other = &people[1 - i].crypto;
        assert_int_equal(
            c->gcm_seal(c->ctx, key, nonce, "where", 5, plain, sizeof plain, text, tag), ROVE_OK);
        assert_int_equal(
            other->gcm_open(other->ctx, key, nonce, "where", 5, text, sizeof text, tag, text),
            ROVE_OK);
        assert_memory_equal(text, plain, sizeof plain);
    }
}

/* The requests of both, each by both libraries: headquarters reads with OpenSSL. */
static void test_each_reads_the_others_request(void **state) {
    static const uint8_t proof[32] = {7, 7, 7};
    uint8_t der[ROVE_CSR_DER_MAX];
    uint8_t spki[ROVE_PUBLIC_KEY_DER_MAX];
    size_t size = 0;
    (void)state;
    for (int i = MBEDTLS; i <= OPENSSL; i++) {
        const person *p = &people[i];
        const rove_crypto *c = &p->crypto;
        rove_pki_request request;
        mbedtls_x509_csr csr;
        assert_int_equal(
            c->csr(c->ctx, p->key.data, p->key.size, proof, sizeof proof, der, sizeof der, &size),
            ROVE_OK);
        assert_int_equal(rove_pki_request_read(der, size, &request, NULL), ROVE_OK);
        assert_int_equal(request.proof_size, sizeof proof);
        assert_memory_equal(request.proof, proof, sizeof proof);
        assert_int_equal(request.public_size, p->own.size);
        assert_memory_equal(request.public_der, p->own.data, p->own.size);

        mbedtls_x509_csr_init(&csr);
        assert_int_equal(mbedtls_x509_csr_parse_der(&csr, der, size), 0);
        /* mbedTLS writes to the end. */
        int written = mbedtls_pk_write_pubkey_der(&csr.pk, spki, sizeof spki);
        assert_int_equal(written, p->own.size);
        assert_memory_equal(spki + sizeof spki - p->own.size, p->own.data, p->own.size);
        mbedtls_x509_csr_free(&csr);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    const struct CMUnitTest tests[] = {
        TEST(test_sha256),
        TEST(test_hmac),
        TEST(test_hkdf),
        TEST(test_hkdf_of_long_input),
        TEST(test_gcm),
        TEST(test_gcm_refuses_what_was_changed),
        TEST(test_ecdh),
        TEST(test_ecdh_of_two_fresh_keys),
        TEST(test_sign_and_verify),
        TEST(test_what_is_no_key_is_refused),
        TEST(test_buffers_that_are_too_small),
        TEST(test_a_fork_makes_other_keys),
    };
    const struct CMUnitTest both[] = {
        cmocka_unit_test(test_one_verifies_what_the_other_signs),
        cmocka_unit_test(test_both_agree_on_a_secret),
        cmocka_unit_test(test_one_opens_what_the_other_seals),
        cmocka_unit_test(test_each_reads_the_others_request),
    };
    int failed = 0;

    backend = MBEDTLS;
    failed += cmocka_run_group_tests_name("mbedTLS", tests, NULL, NULL);
    backend = OPENSSL;
    failed += cmocka_run_group_tests_name("OpenSSL", tests, NULL, NULL);
    return failed + cmocka_run_group_tests_name("between the two", both, meet, part);
}
