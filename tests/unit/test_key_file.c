/*
 * test_key_file.c - core.key: it opens with the secrets it was written with and no others, a damaged file is never called a
 * wrong key, and a hostile one makes nobody work for it.
 *
 * Argon2id: RFC 9106, 5.3, and two vectors of the reference implementation with one lane.
 */
#include <argon2.h>
#include <sys/resource.h>

#include "base/text.h"
#include "hex.h"
#include "safe.h"

#define FILE_SIZE 206
#define DIGEST_AT 174
/* Where the parts of the file begin. */
#define VERSION_AT 7
#define ID_AT      8
#define MEMORY_AT  26
#define PASSES_AT  30
#define SALT_AT    34
#define NONCE_AT   50
#define WRAPPED_AT 62
#define TAG_AT     126
#define CHECK_AT   142

static safe s;
static const uint8_t host[ROVE_SECRET_SIZE] = {0x11, 0x22, 0x33, [31] = 0x44};
static const rove__pin_cost cheap = {64, 1};

static int start(void **state) {
    safe_make(&s, "key_file", *(const safe_backend *)*state);
    return 0;
}

static int end(void **state) {
    (void)state;
    safe_end(&s);
    return 0;
}

static rove__key_secrets secrets(const char *pin) {
    return (rove__key_secrets){host, pin, pin != NULL ? strlen(pin) : 0};
}

static rove_status write_with(const char *pin, const rove__pin_cost *cost) {
    rove__key_secrets with = secrets(pin);
    return rove__key_file_write(&s.ports, s.key_path, &s.key, &with, cost, NULL);
}

/* What reading says; if it is OK, then the key is the one that was written, else there is none. */
static rove_status read_as(const rove__key_secrets *with) {
    static const rove__data_key nothing;
    rove__data_key key;
    rove_error error = {.message = ""};

    memset(&key, 0xaa, sizeof key);
    rove_status status = rove__key_file_read(&s.ports, s.key_path, with, &key, &error);
    assert_memory_equal(&key, status == ROVE_OK ? &s.key : &nothing, sizeof key);
    assert_true(status == ROVE_OK || error.message[0] != '\0');
    return status;
}

static rove_status read_with(const char *pin) {
    rove__key_secrets with = secrets(pin);
    return read_as(&with);
}

/* As somebody writes it who knows how: with the digest of what is there. */
static void write_sound(uint8_t *bytes, size_t size) {
    const rove_span span = {bytes, size - 32};
    assert_int_equal(s.crypto.sha256(s.crypto.ctx, &span, 1, bytes + size - 32), ROVE_OK);
    safe_write(s.key_path, bytes, size);
}

static safe_bytes written(const char *pin) {
    assert_int_equal(write_with(pin, &cheap), ROVE_OK);
    safe_bytes file = safe_read(s.key_path);
    assert_int_equal(file.size, FILE_SIZE);
    return file;
}

/* ---- keys ----------------------------------------------------------------------------------------------- */

static void the_key_comes_back(void **state) {
    int has_pin = 1;
    rove_error error = {.message = ""};

    (void)state;
    assert_int_equal(read_with(NULL), ROVE_NOT_FOUND);
    assert_int_equal(rove__key_file_look(&s.ports, s.key_path, &has_pin, &error), ROVE_NOT_FOUND);
    assert_int_equal(has_pin, 0);
    assert_int_equal(write_with(NULL, NULL), ROVE_OK);
    assert_int_equal(read_with(NULL), ROVE_OK);
    assert_int_equal(rove__key_file_look(&s.ports, s.key_path, &has_pin, &error), ROVE_OK);
    assert_int_equal(has_pin, 0);
    assert_int_equal(write_with("2580", &cheap), ROVE_OK);
    assert_int_equal(read_with("2580"), ROVE_OK);
    assert_int_equal(rove__key_file_look(&s.ports, s.key_path, &has_pin, &error), ROVE_OK);
    assert_int_equal(has_pin, 1);
}

static void other_secrets_are_a_wrong_key(void **state) {
    uint8_t other[ROVE_SECRET_SIZE];
    rove__key_secrets with = {other, NULL, 0};

    (void)state;
    assert_int_equal(write_with(NULL, NULL), ROVE_OK);
    for (size_t i = 0; i < sizeof other; i++) {
        memcpy(other, host, sizeof other);
        other[i] ^= 1;
        assert_int_equal(read_as(&with), ROVE_WRONG_KEY);
    }
    assert_int_equal(read_with("2580"), ROVE_WRONG_KEY); /* there is no PIN */
    assert_int_equal(write_with("2580", &cheap), ROVE_OK);
    assert_int_equal(read_with(NULL), ROVE_WRONG_KEY);
    assert_int_equal(read_with(""), ROVE_WRONG_KEY);
    assert_int_equal(read_with("2581"), ROVE_WRONG_KEY);
    assert_int_equal(read_with("25800"), ROVE_WRONG_KEY);
    assert_int_equal(read_with("258"), ROVE_WRONG_KEY);
    with.pin = "2580";
    with.pin_size = 4;
    assert_int_equal(read_as(&with), ROVE_WRONG_KEY); /* the right PIN, on another phone */
    assert_int_equal(read_with("2580"), ROVE_OK);
}

static void a_pin_has_its_limits(void **state) {
    static const rove__pin_cost limits[] = {{8, 1}, {8, 16}, {262144, 1}};
    static const rove__pin_cost beyond[] = {{7, 1}, {8, 17}, {262145, 1}, {8, 0}, {0, 1}, {0, 0}};
    char pin[ROVE_PIN_MAX + 2];

    (void)state;
    memset(pin, '7', sizeof pin);
    pin[ROVE_PIN_MAX + 1] = '\0';
    assert_int_equal(write_with(pin, &cheap), ROVE_INVALID);
    assert_int_equal(write_with("", &cheap), ROVE_INVALID);
    for (size_t i = 0; i < sizeof beyond / sizeof *beyond; i++) {
        assert_int_equal(write_with("1", &beyond[i]), ROVE_INVALID);
    }
    assert_int_equal(read_with(NULL), ROVE_NOT_FOUND); /* nothing was written */
    pin[ROVE_PIN_MAX] = '\0';
    assert_int_equal(write_with(pin, &cheap), ROVE_OK);
    assert_int_equal(read_with(pin), ROVE_OK);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        assert_int_equal(write_with("1", &limits[i]), ROVE_OK);
        assert_int_equal(read_with("1"), ROVE_OK);
    }
    assert_int_equal(write_with("1", NULL), ROVE_OK);
    safe_bytes file = safe_read(s.key_path);
    assert_memory_equal(file.data + MEMORY_AT, "\x00\x01\x00\x00\x00\x00\x00\x03", 8);
    free(file.data);
    assert_int_equal(read_with("1"), ROVE_OK);
}

#if !defined(__SANITIZE_ADDRESS__) &&                                                              \
    !defined(__SANITIZE_THREAD__) /* they need room of their own */
/* A PIN that could not be tried is not called wrong. */
static void a_pin_needs_memory(void **state) {
    static const rove__pin_cost dear = {ROVE_PIN_MEMORY_KIB_MAX, 1};
    struct rlimit usual, less;

    (void)state;
    assert_int_equal(write_with("1", &dear), ROVE_OK);
    assert_int_equal(getrlimit(RLIMIT_AS, &usual), 0);
    less = usual;
    less.rlim_cur = (rlim_t)200 << 20;
    assert_int_equal(setrlimit(RLIMIT_AS, &less), 0);
    rove_status status = read_with("1");
    rove_status again = write_with("2", &dear);
    assert_int_equal(setrlimit(RLIMIT_AS, &usual), 0);
    assert_int_equal(status, ROVE_NOMEM);
    assert_int_equal(again, ROVE_NOMEM);
    assert_int_equal(read_with("1"), ROVE_OK);
}
#define NEEDS_MEMORY TEST(a_pin_needs_memory),
#else
#define NEEDS_MEMORY
#endif

/* Another PIN, another phone's secret, none: the data key is the same, and what opened it before does not. */
static void rewrapping_keeps_the_data_key(void **state) {
    (void)state;
    safe_bytes first = written("2580");
    safe_bytes second = written("2580");
    assert_memory_not_equal(first.data + SALT_AT, second.data + SALT_AT, 16);
    assert_memory_not_equal(first.data + NONCE_AT, second.data + NONCE_AT, 12);
    assert_memory_not_equal(first.data + WRAPPED_AT, second.data + WRAPPED_AT, 32);
    assert_int_equal(read_with("2580"), ROVE_OK);
    assert_int_equal(write_with("1379", &cheap), ROVE_OK);
    assert_int_equal(read_with("2580"), ROVE_WRONG_KEY);
    assert_int_equal(read_with("1379"), ROVE_OK);
    assert_int_equal(write_with(NULL, NULL), ROVE_OK);
    assert_int_equal(read_with("1379"), ROVE_WRONG_KEY);
    assert_int_equal(read_with(NULL), ROVE_OK);
    free(first.data);
    free(second.data);
}

/* ---- damage --------------------------------------------------------------------------------------------- */

static void a_file_of_any_other_length_is_damaged(void **state) {
    static uint8_t longer[ROVE_KEY_FILE_MAX + 1];
    safe_bytes file = written(NULL);

    (void)state;
    for (size_t size = 0; size < file.size; size++) {
        safe_write(s.key_path, file.data, size);
        assert_int_equal(read_with(NULL), ROVE_CORRUPT);
    }
    memcpy(longer, file.data, file.size);
    safe_write(s.key_path, longer, file.size + 1);
    assert_int_equal(read_with(NULL), ROVE_CORRUPT);
    write_sound(longer, file.size + 1);
    assert_int_equal(read_with(NULL), ROVE_CORRUPT);
    write_sound(longer, ROVE_KEY_FILE_MAX + 1);
    assert_int_equal(read_with(NULL), ROVE_CORRUPT);
    free(file.data);
}

/* No bit of it turns it into a wrong key, and no secret is tried. */
static void a_flipped_bit_is_damage(void **state) {
    const char *const pins[] = {NULL, "2580"};
    int has_pin = 0;

    (void)state;
    for (size_t p = 0; p < 2; p++) {
        safe_bytes file = written(pins[p]);
        for (size_t i = 0; i < file.size * 8; i++) {
            file.data[i / 8] ^= (uint8_t)(1u << i % 8);
            safe_write(s.key_path, file.data, file.size);
            assert_int_equal(read_with(pins[p]), ROVE_CORRUPT);
            assert_int_equal(rove__key_file_look(&s.ports, s.key_path, &has_pin, NULL),
                             ROVE_CORRUPT);
            file.data[i / 8] ^= (uint8_t)(1u << i % 8);
        }
        safe_write(s.key_path, file.data, file.size);
        assert_int_equal(read_with(pins[p]), ROVE_OK);
        free(file.data);
    }
}

/* Nothing that the key is bound to can be exchanged, by somebody who mends the digest. */
static void a_forged_file_opens_nothing(void **state) {
    (void)state;
    safe_bytes file = written(NULL);
    for (size_t i = ID_AT; i < DIGEST_AT; i++) {
        file.data[i] ^= 1;
        write_sound(file.data, file.size);
        int is_cost = i >= MEMORY_AT && i < SALT_AT;
        assert_int_equal(read_with(NULL), is_cost ? ROVE_CORRUPT : ROVE_WRONG_KEY);
        file.data[i] ^= 1;
    }
    free(file.data);
    /* A cheaper PIN would be found faster. */
    file = written("2580");
    file.data[MEMORY_AT + 3] = 8;
    write_sound(file.data, file.size);
    assert_int_equal(read_with("2580"), ROVE_WRONG_KEY);
    free(file.data);
}

static void a_file_that_asks_for_too_much_is_damaged(void **state) {
    static const struct {
        uint8_t memory_kib[4], passes[4];
    } costs[] = {
        {{0, 0x3f, 0xff, 0xff}, {0, 0, 0, 1}},    /* 4 GiB */
        {{0xff, 0xff, 0xff, 0xff}, {0, 0, 0, 1}}, /* 4 TiB */
        {{0, 4, 0, 1}, {0, 0, 0, 1}},
        {{0, 0, 0, 64}, {0xff, 0xff, 0xff, 0xff}}, /* for days */
        {{0, 0, 0, 64}, {0, 0, 0, 17}},
        {{0, 0, 0, 7}, {0, 0, 0, 1}},
        {{0, 0, 0, 64}, {0, 0, 0, 0}},
        {{0, 0, 0, 0}, {0, 0, 0, 1}},
    };

    safe_bytes file = written("2580");

    (void)state;
    for (size_t i = 0; i < sizeof costs / sizeof *costs; i++) {
        memcpy(file.data + MEMORY_AT, costs[i].memory_kib, 4);
        memcpy(file.data + PASSES_AT, costs[i].passes, 4);
        write_sound(file.data, file.size);
        assert_int_equal(read_with("2580"), ROVE_CORRUPT);
        assert_int_equal(read_with(NULL), ROVE_CORRUPT);
    }
    free(file.data);
}

static void a_newer_file_wants_a_newer_app(void **state) {
    static uint8_t newer[300] = "RoveKey";
    safe_bytes file = written(NULL);

    (void)state;
    newer[VERSION_AT] = 2;
    write_sound(newer, sizeof newer);
    assert_int_equal(read_with(NULL), ROVE_UPGRADE);
    file.data[VERSION_AT] = 0;
    write_sound(file.data, file.size);
    assert_int_equal(read_with(NULL), ROVE_CORRUPT);
    free(file.data);
}

/* ---- what it is made of --------------------------------------------------------------------------------- */

/* The way that the header describes, gone by hand. */
static void the_bytes_are_as_described(void **state) {
    const rove_crypto *c = &s.crypto;
    safe_bytes file = written("2580");
    const uint8_t *f = file.data;
    const rove_span words = {"rove data key", 13};
    uint8_t secret[64];
    uint8_t wrapping[32];
    uint8_t out[32];
    uint8_t keys[64];

    (void)state;
    assert_memory_equal(f, "RoveKey\x01", 8);
    assert_memory_equal(f + ID_AT, s.key.file_id, 16);
    assert_memory_equal(f + MEMORY_AT, "\0\0\0\x40\0\0\0\x01", 8);
    memcpy(secret, host, 32);
    assert_int_equal(argon2id_hash_raw(1, 64, 1, "2580", 4, f + SALT_AT, 16, secret + 32, 32),
                     ARGON2_OK);
    assert_int_equal(c->hkdf_sha256(c->ctx, secret, 64, f + SALT_AT, 16, "rove key file", 13,
                                    wrapping, sizeof wrapping),
                     ROVE_OK);
    assert_int_equal(c->gcm_open(c->ctx, wrapping, f + NONCE_AT, f, WRAPPED_AT, f + WRAPPED_AT, 64,
                                 f + TAG_AT, keys),
                     ROVE_OK);
    assert_memory_equal(keys, s.key.key, 32);
    assert_int_equal(c->hmac_sha256(c->ctx, s.key.key, 32, &words, 1, out), ROVE_OK);
    assert_memory_equal(out, f + CHECK_AT, 32);
    free(file.data);
}

/* While the key is replaced, both are in it. */
static void the_former_key_is_kept_while_it_is_needed(void **state) {
    rove__key_secrets with = secrets(NULL);
    rove__data_key next;
    rove__data_key read;
    rove_error error;

    (void)state;
    assert_int_equal(rove__data_key_follow(&s.random, &s.key, &next), ROVE_OK);
    assert_int_equal(next.generation, (uint8_t)(s.key.generation + 1));
    assert_memory_not_equal(next.key, s.key.key, 32);
    assert_memory_equal(next.file_id, s.key.file_id, 16);
    assert_int_equal(rove__key_file_write(&s.ports, s.key_path, &next, &with, NULL, &error),
                     ROVE_OK);
    assert_int_equal(rove__key_file_read(&s.ports, s.key_path, &with, &read, &error), ROVE_OK);
    assert_memory_equal(&read, &next, sizeof next);
    assert_memory_equal(read.former, s.key.key, 32);
}

static void argon2id_gives_what_is_published(void **state) {
    uint8_t pwd[32], salt[16], secret[8], ad[12];
    uint8_t out[32];
    argon2_context context = {.out = out,
                              .outlen = sizeof out,
                              .pwd = pwd,
                              .pwdlen = sizeof pwd,
                              .salt = salt,
                              .saltlen = sizeof salt,
                              .secret = secret,
                              .secretlen = sizeof secret,
                              .ad = ad,
                              .adlen = sizeof ad,
                              .t_cost = 3,
                              .m_cost = 32,
                              .lanes = 4,
                              .threads = 1,
                              .version = ARGON2_VERSION_13};

    (void)state;
    memset(pwd, 1, sizeof pwd);
    memset(salt, 2, sizeof salt);
    memset(secret, 3, sizeof secret);
    memset(ad, 4, sizeof ad);
    assert_int_equal(argon2id_ctx(&context), ARGON2_OK);
    assert_true(hex_equal(out, sizeof out,
                          "0d640df58d78766c08c037a34a8b53c9d01ef0452d75b65eb52520e96b01e659"));
    assert_int_equal(argon2id_hash_raw(2, 256, 1, "password", 8, "somesalt", 8, out, 32),
                     ARGON2_OK);
    assert_true(hex_equal(out, sizeof out,
                          "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"));
    assert_int_equal(argon2id_hash_raw(2, 65536, 1, "password", 8, "somesalt", 8, out, 32),
                     ARGON2_OK);
    assert_true(hex_equal(out, sizeof out,
                          "09316115d5cf24ed5a15a31a3ba326e5cf32edc24702987c02b6566f61913cf7"));
}

/* ---- ports that fail ------------------------------------------------------------------------------------ */

/* Calls until one fails. */
static int calls_left;

static rove_status fill_some(void *ctx, void *bytes, size_t size) {
    (void)ctx;
    return calls_left-- > 0 ? s.random.fill(s.random.ctx, bytes, size) : ROVE_IO;
}

static rove_status some_hkdf(void *ctx, const void *secret, size_t secret_size, const void *salt,
                             size_t salt_size, const void *info, size_t info_size, void *out,
                             size_t out_size) {
    return calls_left-- > 0 ? s.crypto.hkdf_sha256(ctx, secret, secret_size, salt, salt_size, info,
                                                   info_size, out, out_size)
                            : ROVE_NOMEM;
}

static rove_status some_sha256(void *ctx, const rove_span *spans, size_t count,
                               uint8_t out[ROVE_SHA256_SIZE]) {
    return calls_left-- > 0 ? s.crypto.sha256(ctx, spans, count, out) : ROVE_NOMEM;
}

static rove_status some_hmac(void *ctx, const void *key, size_t key_size, const rove_span *spans,
                             size_t count, uint8_t out[ROVE_SHA256_SIZE]) {
    return calls_left-- > 0 ? s.crypto.hmac_sha256(ctx, key, key_size, spans, count, out)
                            : ROVE_NOMEM;
}

static rove_status some_open(void *ctx, const uint8_t *key, const uint8_t *nonce, const void *aad,
                             size_t aad_size, const void *in, size_t size, const uint8_t *tag,
                             void *out) {
    return calls_left-- > 0 ? s.crypto.gcm_open(ctx, key, nonce, aad, aad_size, in, size, tag, out)
                            : ROVE_CRYPTO;
}

static rove_status read_nothing(void *ctx, const char *path, void *bytes, size_t capacity,
                                size_t *size, rove_error *error) {
    (void)ctx;
    (void)path;
    (void)bytes;
    (void)capacity;
    *size = 0;
    return rove__error_set(error, ROVE_IO, "cannot be read");
}

/* A key that could not be tried is not called wrong, and a file that could not be read not damaged. */
static void what_fails_is_named(void **state) {
    rove_crypto crypto = s.crypto;
    rove_random random = s.random;
    rove_files files = s.files;
    rove__key_secrets with = secrets(NULL);
    rove__data_key key;

    (void)state;
    assert_int_equal(write_with(NULL, NULL), ROVE_OK);
    safe_bytes before = safe_read(s.key_path);
    s.ports = (rove__key_ports){&crypto, &random, &files};
    random.fill = fill_some;
    for (int i = 0; i < 2; i++) {
        calls_left = i;
        assert_int_equal(rove__data_key_draw(&random, &key), ROVE_IO);
        calls_left = i;
        assert_int_equal(write_with(NULL, NULL), ROVE_IO);
    }
    crypto.hkdf_sha256 = some_hkdf;
    random = s.random;
    calls_left = 0;
    assert_int_equal(read_as(&with), ROVE_NOMEM);
    assert_int_equal(write_with(NULL, NULL), ROVE_NOMEM);
    crypto = s.crypto;
    crypto.sha256 = some_sha256;
    assert_int_equal(read_as(&with), ROVE_NOMEM);
    assert_int_equal(write_with(NULL, NULL), ROVE_NOMEM);
    crypto = s.crypto;
    crypto.hmac_sha256 = some_hmac;
    assert_int_equal(read_as(&with), ROVE_NOMEM);
    assert_int_equal(write_with(NULL, NULL), ROVE_NOMEM);
    crypto = s.crypto;
    crypto.gcm_open = some_open;
    assert_int_equal(read_as(&with), ROVE_CRYPTO);
    crypto = s.crypto;
    files.read = read_nothing;
    assert_int_equal(read_as(&with), ROVE_IO);
    s.ports = (rove__key_ports){&s.crypto, &s.random, &s.files};
    safe_bytes after = safe_read(s.key_path);
    assert_int_equal(after.size, before.size);
    assert_memory_equal(after.data, before.data, before.size); /* as it was */
    free(before.data);
    free(after.data);
}

int main(void) {
    static safe_backend backends[] = {SAFE_OPENSSL, SAFE_MBEDTLS};
    static const char *const names[] = {"OpenSSL", "mbedTLS"};
    int failed = 0;

    for (size_t i = 0; i < 2; i++) {
#define TEST(name) cmocka_unit_test_prestate_setup_teardown(name, start, end, &backends[i])
        const struct CMUnitTest tests[] = {
            TEST(the_key_comes_back),
            TEST(other_secrets_are_a_wrong_key),
            TEST(a_pin_has_its_limits),
            NEEDS_MEMORY TEST(rewrapping_keeps_the_data_key),
            TEST(a_file_of_any_other_length_is_damaged),
            TEST(a_flipped_bit_is_damage),
            TEST(a_forged_file_opens_nothing),
            TEST(a_file_that_asks_for_too_much_is_damaged),
            TEST(a_newer_file_wants_a_newer_app),
            TEST(the_bytes_are_as_described),
            TEST(the_former_key_is_kept_while_it_is_needed),
            TEST(argon2id_gives_what_is_published),
            TEST(what_fails_is_named),
        };
        failed += cmocka_run_group_tests_name(names[i], tests, NULL, NULL);
    }
    return failed;
}
