/*
 * test_secrets.c - what is nowhere to be found: at headquarters a code, a key or half of one, in any of its files but that
 * key's own, in a backup or in a log, as it is or written in figures or letters; and in the logs of both ends anything that a
 * rep wrote. Also that who tries codes learns nothing from how he is refused.
 */
#include "outpost.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <signal.h>

#include "client/internal.h"
#include "keys.h"
#include "line.h"

#define FORM_MAX 512
#define CANARY   "Zanzibar"

typedef struct world {
    outpost *o;
    device phone;
    device second;
    caller c;
} world;

static int set_up(void **state) {
    world *w = calloc(1, sizeof *w);
    assert_non_null(w);
    w->o = outpost_start();
    w->c.tls = SSL_CTX_new(TLS_client_method());
    w->c.port = w->o->port;
    assert_non_null(w->c.tls);
    device_start(w->o, &w->phone, "secrets_phone");
    device_start(w->o, &w->second, "secrets_second");
    *state = w;
    return 0;
}

static int tear_down(void **state) {
    world *w = *state;
    device_close(&w->phone);
    device_close(&w->second);
    SSL_CTX_free(w->c.tls);
    outpost_end(w->o);
    free(w);
    return 0;
}

/* ---- searching ------------------------------------------------------------------------------------------ */

typedef struct haystack {
    const char *name;
    uint8_t *bytes;
    size_t size;
} haystack;

static int holds(const haystack *in, const void *bytes, size_t size) {
    const uint8_t first = *(const uint8_t *)bytes;
    for (size_t at = 0; at + size <= in->size; at++) {
        if (in->bytes[at] == first && memcmp(in->bytes + at, bytes, size) == 0) {
            return 1;
        }
    }
    return 0;
}

static void hex_of(const uint8_t *bytes, size_t size, const char *digits, char *out) {
    for (size_t i = 0; i < size; i++) {
        *out++ = digits[bytes[i] >> 4];
        *out++ = digits[bytes[i] & 15];
    }
    *out = '\0';
}

/* The letters that a secret has in base64 wherever it begins: `before` bytes after a multiple of three. */
static void base64_of(const uint8_t *bytes, size_t size, size_t before, char *out) {
    uint8_t shifted[FORM_MAX] = {0};
    uint8_t text[2 * FORM_MAX];
    memcpy(shifted + before, bytes, size);
    size_t letters = (size_t)EVP_EncodeBlock(text, shifted, (int)(before + size));
    size_t from = before == 0 ? 0 : before + 1; /* what the bytes before have a part in */
    size_t to = letters - 4;                    /* and those after */
    memcpy(out, text + from, to - from);
    out[to - from] = '\0';
}

/* The form in which the haystack holds the secret; NULL: in none. */
static const char *form_of(const haystack *in, const uint8_t *secret, size_t size) {
    char text[2 * FORM_MAX + 1];
    assert_true(size <= FORM_MAX - 2);
    if (holds(in, secret, size)) {
        return "as it is";
    }
    for (int upper = 0; upper <= 1; upper++) {
        hex_of(secret, size, upper ? "0123456789ABCDEF" : "0123456789abcdef", text);
        if (holds(in, text, strlen(text))) {
            return "in hexadecimal";
        }
    }
    for (size_t before = 0; before < 3; before++) {
        base64_of(secret, size, before, text);
        if (holds(in, text, strlen(text))) {
            return "in base64";
        }
    }
    return NULL;
}

/* What is not found here would be found nowhere. */
static void test_the_search_finds_each_form(void **state) {
    static const uint8_t secret[] = {1, 200, 3, 77, 5, 250, 7, 8, 99, 10, 0, 12, 13, 14, 15, 16};
    uint8_t bytes[64] = {9, 9, 9, 9, 9};
    uint8_t text[256];
    haystack in = {"text", text, 0};
    (void)state;
    for (size_t before = 0; before < 5; before++) {
        memcpy(bytes + before, secret, sizeof secret);
        in.size = (size_t)EVP_EncodeBlock(text, bytes, (int)(before + sizeof secret + 4));
        assert_string_equal(form_of(&in, secret, sizeof secret), "in base64");
        text[12] ^= 1;
        assert_null(form_of(&in, secret, sizeof secret));
    }
    hex_of(secret, sizeof secret, "0123456789ABCDEF", (char *)text);
    in.size = 2 * sizeof secret;
    assert_string_equal(form_of(&in, secret, sizeof secret), "in hexadecimal");
    memcpy(text, secret, sizeof secret);
    assert_string_equal(form_of(&in, secret, sizeof secret), "as it is");
}

/* ---- what there is to find ------------------------------------------------------------------------------ */

#define HAYSTACKS 24

typedef struct hay {
    haystack of[HAYSTACKS];
    size_t count;
} hay;

static void add_file(hay *all, const char *folder, const char *name) {
    char path[512];
    haystack *in = &all->of[all->count];
    (void)snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return; /* a socket */
    }
    assert_true(all->count < HAYSTACKS);
    assert_int_equal(fseek(file, 0, SEEK_END), 0);
    in->size = (size_t)ftell(file);
    in->bytes = malloc(in->size + 1);
    assert_non_null(in->bytes);
    rewind(file);
    assert_int_equal(fread(in->bytes, 1, in->size, file), in->size);
    (void)fclose(file);
    in->name = strdup(name);
    all->count++;
}

/* All files of headquarters, a backup among them, and what was logged. */
static void gather(world *w, hay *all) {
    char path[256];
    said s;
    memset(all, 0, sizeof *all);
    (void)snprintf(path, sizeof path, "%s/copy.db", w->o->h.folder);
    hq_io io = said_io(&s);
    io.directory = ".";
    char backup[] = "backup";
    char *argv[] = {backup, path, NULL};
    assert_int_equal(hq_command_named("backup")->run(w->o->h.hq, &io, 2, argv), HQ_EXIT_DONE);
    DIR *folder = opendir(w->o->h.folder);
    assert_non_null(folder);
    for (struct dirent *at = readdir(folder); at != NULL; at = readdir(folder)) {
        if (at->d_name[0] != '.') {
            add_file(all, w->o->h.folder, at->d_name);
        }
    }
    (void)closedir(folder);
    haystack *log = &all->of[all->count++];
    log->name = strdup("the log");
    log->size = w->o->log.size;
    log->bytes = malloc(log->size + 1);
    assert_non_null(log->bytes);
    memcpy(log->bytes, w->o->log.text, log->size);
}

static void drop(hay *all) {
    for (size_t i = 0; i < all->count; i++) {
        free((char *)(uintptr_t)all->of[i].name);
        free(all->of[i].bytes);
    }
}

static const haystack *named(const hay *all, const char *name) {
    for (size_t i = 0; i < all->count; i++) {
        if (strcmp(all->of[i].name, name) == 0) {
            return &all->of[i];
        }
    }
    fail_msg("there is no %s", name);
    return NULL;
}

/* In no haystack, but for the file that the secret is kept in. */
static void assert_nowhere(const hay *all, const char *what, const char *home,
                           const uint8_t *secret, size_t size) {
    for (size_t i = 0; i < all->count; i++) {
        const char *form = form_of(&all->of[i], secret, size);
        int at_home = home != NULL && strcmp(all->of[i].name, home) == 0;
        if (form != NULL && !at_home) {
            fail_msg("%s is in %s, %s", what, all->of[i].name, form);
        }
    }
}

/* The number that a private key is. */
static size_t number_of(EVP_PKEY *key, uint8_t number[32]) {
    BIGNUM *private_number = NULL;
    assert_non_null(key);
    assert_int_equal(EVP_PKEY_get_bn_param(key, "priv", &private_number), 1);
    assert_int_equal(BN_bn2binpad(private_number, number, 32), 32);
    BN_clear_free(private_number);
    EVP_PKEY_free(key);
    return 32;
}

static EVP_PKEY *from_pem(const haystack *in) {
    BIO *bio = BIO_new_mem_buf(in->bytes, (int)in->size);
    EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
    BIO_free(bio);
    return key;
}

static EVP_PKEY *from_der(const void *bytes, size_t size) {
    const unsigned char *at = bytes;
    return d2i_AutoPrivateKey(NULL, &at, (long)size);
}

/* A code as it was printed, without its hyphens, in small letters, and the bytes of it. */
static void assert_code_nowhere(world *w, const hay *all, const char *code) {
    char plain[256];
    char small[256];
    size_t size = 0;
    rove__invitation invitation;
    assert_int_equal(rove__invitation_parse(code, &w->o->h.ports.crypto, &invitation, NULL),
                     ROVE_OK);
    for (const char *at = code; *at != '\0'; at++) {
        if (*at != '-') {
            plain[size] = *at;
            small[size++] = (char)(*at >= 'A' && *at <= 'Z' ? *at - 'A' + 'a' : *at);
        }
    }
    assert_nowhere(all, "a code", NULL, (const uint8_t *)code, strlen(code));
    assert_nowhere(all, "a code", NULL, (const uint8_t *)plain, 24);
    assert_nowhere(all, "a code", NULL, (const uint8_t *)small, 24);
    assert_nowhere(all, "a code", NULL, invitation.code, sizeof invitation.code);
}

static void test_only_hashes_of_codes_and_no_keys_at_rest(void **state) {
    world *w = *state;
    hay all;
    device third;
    uint8_t number[32];
    device_open(w->o, &third, "secrets_third");
    device_invite(w->o, &third); /* open: it is not used */
    gather(w, &all);
    assert_code_nowhere(w, &all, w->phone.code);
    assert_code_nowhere(w, &all, w->second.code);
    assert_code_nowhere(w, &all, third.code);
    static const char *const pems[] = {"ca.key", "server.key"};
    for (size_t i = 0; i < sizeof pems / sizeof *pems; i++) {
        size_t size = number_of(from_pem(named(&all, pems[i])), number);
        assert_nowhere(&all, pems[i], pems[i], number, size);
    }
    const haystack *seal = named(&all, "seal.key");
    assert_nowhere(&all, "seal.key", "seal.key", number,
                   number_of(from_der(seal->bytes, seal->size), number));
    assert_non_null(form_of(seal, number, sizeof number)); /* it would be found */
    const device *const devices[] = {&w->phone, &w->second};
    for (size_t i = 0; i < 2; i++) {
        const rove__credentials *own = devices[i]->replica->credentials;
        assert_nowhere(&all, "a device's key", NULL, number,
                       number_of(from_der(own->key, own->key_size), number));
    }
    /* What is there of a code is its hash, and of a device's key too. */
    rove__invitation invitation;
    uint8_t hash[ROVE_SHA256_SIZE];
    assert_int_equal(rove__invitation_parse(third.code, &w->o->h.ports.crypto, &invitation, NULL),
                     ROVE_OK);
    assert_int_equal(rove__code_secret(invitation.code, &w->o->h.ports.crypto, hash), ROVE_OK);
    assert_non_null(form_of(named(&all, "copy.db"), hash, sizeof hash));
    drop(&all);
    device_close(&third);
}

/* ---- logs ----------------------------------------------------------------------------------------------- */

static rove_id write_account(device *d) {
    rove_field fields[] = {{"name", rove_text(CANARY " Bikes")},
                           {"phone", rove_text(CANARY " 1")},
                           {"description", rove_text(CANARY " first")}};
    rove_id id = 0;
    assert_int_equal(rove_insert(d->replica, "Account", fields, 3, &id, &d->error), ROVE_OK);
    rove_field note[] = {{"about_id", rove_int(id)},
                         {"created_at", rove_int(rove_now_ms(d->replica))},
                         {"text", rove_text(CANARY " said something in confidence")}};
    rove_id noted = 0;
    assert_int_equal(rove_insert(d->replica, "Note", note, 3, &noted, &d->error), ROVE_OK);
    return id;
}

static rove_status edit(device *d, rove_id id, const char *field, const char *text) {
    rove_field change[] = {{field, rove_text(text)}};
    return rove_update(d->replica, "Account", id, change, 1, &d->error);
}

/* Both ends keep, overrule and refuse what was written; strangers say it too. */
static void quarrel(world *w) {
    static const char *const said_by_strangers[] = {
        REQUEST("GET /" CANARY) "\r\n",
        REQUEST("GET /v1/wait?cursor=" CANARY) "\r\n",
        REQUEST("GET /healthz") "X-" CANARY ": " CANARY "\r\n\r\n",
        REQUEST(CANARY " /healthz") "\r\n",
        REQUEST("POST /v1/enroll") "Content-Type: application/vnd.rove.enroll\r\n"
                                   "Content-Length: 8\r\n\r\n" CANARY,
        CANARY "\r\n\r\n",
    };
    said s;
    char path[128];
    rove_id id = write_account(&w->phone);
    device_served(&w->phone, device_sync(&w->phone));
    device_served(&w->second, device_sync(&w->second));
    assert_int_equal(edit(&w->phone, id, "phone", CANARY " 2"), ROVE_OK);
    assert_int_equal(edit(&w->second, id, "phone", CANARY " 3"), ROVE_OK);
    assert_int_equal(device_sync(&w->second), ROVE_OK);
    assert_int_equal(device_sync(&w->phone), ROVE_OK);
    assert_int_equal(headquarters_run(&w->o->h, &s, "conflicts", NULL), HQ_EXIT_DONE);
    assert_non_null(strstr(s.out, CANARY));
    /* It is another's when his work comes. */
    (void)headquarters_user_put(&w->o->h, 0, "kim", 1);
    assert_int_equal(edit(&w->second, id, "description", CANARY " later"), ROVE_OK);
    assert_int_equal(
        headquarters_run(&w->o->h, &s, "reassign", "--from", "jo", "--to", "kim", NULL),
        HQ_EXIT_DONE);
    assert_int_equal(device_sync(&w->second), ROVE_OK);
    /* Refused on the device: the sentence names the field, and not what it was to hold. */
    rove_field wrong[] = {{"name", rove_text(CANARY "\x01\xff")}};
    rove_id none = 0;
    assert_int_not_equal(rove_insert(w->phone.replica, "Account", wrong, 1, &none, &w->phone.error),
                         ROVE_OK);
    assert_null(strstr(w->phone.error.message, CANARY));
    device third;
    device_open(w->o, &third, "secrets_third");
    (void)snprintf(third.code, sizeof third.code, "%s", CANARY "-0000-1111");
    assert_int_not_equal(device_enrol(w->o, &third), ROVE_OK);
    device_close(&third);
    for (size_t i = 0; i < sizeof said_by_strangers / sizeof *said_by_strangers; i++) {
        (void)line_ask_once(&w->c, said_by_strangers[i]);
    }
    (void)snprintf(path, sizeof path, "%s/nowhere.csv", w->o->h.folder);
    assert_int_not_equal(headquarters_run(&w->o->h, &s, "import", path, NULL), HQ_EXIT_DONE);
}

static void test_no_log_repeats_what_a_rep_wrote(void **state) {
    world *w = *state;
    hay all;
    quarrel(w);
    device_revoke(w->o, &w->second);
    assert_int_equal(device_sync(&w->second), ROVE_REVOKED);
    gather(w, &all);
    const haystack *log = named(&all, "the log");
    assert_true(holds(log, "http: ", 6) && holds(log, "client: ", 8));
    assert_true(holds(named(&all, "copy.db"), CANARY, strlen(CANARY)));
    const char *form = form_of(log, (const uint8_t *)CANARY, strlen(CANARY));
    if (form != NULL) {
        const char *at = strstr((const char *)log->bytes, CANARY);
        fail_msg("%s: %.200s", form, at == NULL ? "" : at - 60);
    }
    assert_code_nowhere(w, &all, w->phone.code);
    drop(&all);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void) {
    (void)signal(SIGPIPE,
                 SIG_IGN); /* a connection that headquarters ended may be gone while we write */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_search_finds_each_form),
        TEST(test_only_hashes_of_codes_and_no_keys_at_rest),
        TEST(test_no_log_repeats_what_a_rep_wrote),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
