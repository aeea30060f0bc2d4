/*
 * client/orders.c - the file of orders; see orders.h for its bytes.
 */
#include "client/orders.h"

#include <string.h>

#include "base/assert.h"
#include "base/reader.h"
#include "base/text.h"

#define MAGIC        "RoveOr"
#define MAGIC_SIZE   (sizeof MAGIC - 1)
#define FILE_VERSION 1u
#define HEAD_SIZE    (MAGIC_SIZE + 2)
#define DONE_SIZE    (ROVE_ORDER_NONCE_SIZE + 8)
#define FILE_MAX     (ROVE_IDENTITY_FILE_MAX + ROVE_ORDER_MAX + ROVE_ORDERS_DONE_MAX * DONE_SIZE + 64)

static rove_status check_of(const rove_crypto *crypto, const uint8_t *bytes, size_t size,
                            uint8_t check[ROVE_SHA256_SIZE]) {
    rove_span span = {bytes, size};
    return crypto->sha256(crypto->ctx, &span, 1, check);
}

/* ---- reading ---- */

static rove_status read_delivery(const rove__credentials_ports *ports, rove__reader *reader,
                                 rove__stage stage, rove__credentials **delivery) {
    char url[ROVE_URL_MAX];
    size_t url_size = 0;
    size_t identity_size = 0;
    const uint8_t *text = rove__reader_bytes(reader, sizeof url - 1, &url_size);
    const uint8_t *identity = rove__reader_bytes(reader, ROVE_IDENTITY_MAX, &identity_size);

    if (rove__reader_status(reader) != ROVE_OK) {
        return ROVE_CORRUPT;
    }
    if (stage != ROVE_STAGE_WIPED || identity_size == 0) {
        return ROVE_OK;
    }
    memcpy(url, text, url_size);
    url[url_size] = '\0';
    const rove__credentials_parts parts = {.url = url,
                                           .key = (const uint8_t *)"",
                                           .identity = identity,
                                           .identity_size = identity_size};
    return rove__credentials_new(ports, &parts, delivery, NULL);
}

static rove_status parse(const rove__credentials_ports *ports, const uint8_t *bytes, size_t size,
                         rove__orders *orders, rove__credentials **delivery) {
    rove__reader reader;

    rove__reader_init(&reader, bytes, size);
    (void)rove__reader_take(&reader, MAGIC_SIZE + 1);
    orders->stage = (rove__stage)rove__reader_byte(&reader);
    const uint8_t *order = rove__reader_bytes(&reader, ROVE_ORDER_MAX, &orders->order_size);
    rove_status status = read_delivery(ports, &reader, orders->stage, delivery);
    if (status == ROVE_OK && orders->order_size > 0) {
        memcpy(orders->order, order, orders->order_size);
    }
    while (status == ROVE_OK && rove__reader_left(&reader) > 0 &&
           orders->done_count < ROVE_ORDERS_DONE_MAX) {
        const uint8_t *nonce = rove__reader_take(&reader, ROVE_ORDER_NONCE_SIZE);
        uint64_t until = rove__reader_u64(&reader);
        status = rove__reader_status(&reader) == ROVE_OK ? ROVE_OK : ROVE_CORRUPT;
        if (status == ROVE_OK) {
            memcpy(orders->done[orders->done_count].nonce, nonce, ROVE_ORDER_NONCE_SIZE);
            orders->done[orders->done_count++].until_ms = (int64_t)until;
        }
    }
    return status == ROVE_OK && (orders->stage > ROVE_STAGE_WIPED || rove__reader_left(&reader) > 0)
               ? ROVE_CORRUPT
               : status;
}

static rove_status check_file(const rove__credentials_ports *ports, const uint8_t *bytes,
                              size_t size) {
    uint8_t check[ROVE_SHA256_SIZE];

    if (size < HEAD_SIZE + sizeof check || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0) {
        return ROVE_CORRUPT;
    }
    rove_status status = check_of(ports->crypto, bytes, size - sizeof check, check);
    if (status != ROVE_OK) {
        return status;
    }
    if (memcmp(check, bytes + size - sizeof check, sizeof check) != 0) {
        return ROVE_CORRUPT;
    }
    return bytes[MAGIC_SIZE] > FILE_VERSION ? ROVE_UPGRADE : ROVE_OK;
}

rove_status rove__orders_load(const rove__credentials_ports *ports, const char *path,
                              rove__orders *orders, rove__credentials **delivery,
                              rove_error *error) {
    size_t size = 0;
    uint8_t *bytes = rove__alloc(ports->allocator, FILE_MAX);

    memset(orders, 0, sizeof *orders);
    *delivery = NULL;
    if (bytes == NULL) {
        return rove__error_set(error, ROVE_NOMEM, "%s", rove_status_text(ROVE_NOMEM));
    }
    rove_status status = ports->files->read(ports->files->ctx, path, bytes, FILE_MAX, &size, error);
    if (status == ROVE_OK) {
        status = check_file(ports, bytes, size);
    }
    if (status == ROVE_OK) {
        status = parse(ports, bytes, size - ROVE_SHA256_SIZE, orders, delivery);
    }
    rove__free(ports->allocator, bytes);
    if (status == ROVE_NOT_FOUND) {
        return ROVE_OK;
    }
    if (status == ROVE_CORRUPT || status == ROVE_TOO_BIG) {
        memset(orders, 0, sizeof *orders);
        orders->stage = ROVE_STAGE_LOCKED;
        return ROVE_OK;
    }
    return status == ROVE_UPGRADE ? rove__error_set(error, status, "%s", rove_status_text(status))
                                  : status;
}

/* ---- writing ---- */

static void write(rove__buf *out, const rove__orders *orders, const rove__credentials *delivery) {
    const uint8_t *identity = NULL;
    size_t identity_size = 0;

    if (delivery != NULL) {
        identity = rove__credentials_identity(delivery, &identity_size);
    }
    rove__buf_append(out, MAGIC, MAGIC_SIZE);
    rove__buf_byte(out, FILE_VERSION);
    rove__buf_byte(out, (uint8_t)orders->stage);
    rove__buf_bytes(out, orders->order, orders->order_size);
    rove__buf_bytes(out, delivery != NULL ? delivery->url : "",
                    delivery != NULL ? strlen(delivery->url) : 0);
    rove__buf_bytes(out, identity, identity_size);
    for (size_t i = 0; i < orders->done_count; i++) {
        rove__buf_append(out, orders->done[i].nonce, ROVE_ORDER_NONCE_SIZE);
        rove__buf_u64(out, (uint64_t)orders->done[i].until_ms);
    }
}

rove_status rove__orders_save(const rove__credentials_ports *ports, const char *path,
                              const rove__orders *orders, const rove__credentials *delivery,
                              rove_error *error) {
    uint8_t check[ROVE_SHA256_SIZE];
    rove__buf bytes;

    ROVE_ASSERT(delivery == NULL || orders->stage == ROVE_STAGE_WIPED);
    rove__buf_init(&bytes, ports->allocator, FILE_MAX);
    write(&bytes, orders, delivery);
    rove_status status = rove__buf_status(&bytes);
    if (status == ROVE_OK) {
        status = check_of(ports->crypto, bytes.data, bytes.size, check);
    }
    if (status == ROVE_OK) {
        rove__buf_append(&bytes, check, sizeof check);
        status = rove__buf_status(&bytes);
    }
    if (status == ROVE_OK) {
        status = ports->files->replace(ports->files->ctx, path, bytes.data, bytes.size, error);
    } else {
        status = rove__error_set(error, status, "%s", rove_status_text(status));
    }
    rove__buf_free(&bytes);
    return status;
}

/* ---- what is in it ---- */

rove__signed_order rove__orders_current(const rove__orders *orders) {
    rove__signed_order order = {.replica = 0};

    if (orders->stage == ROVE_STAGE_FREE || orders->order_size == 0 ||
        rove__order_read(&order, orders->order, orders->order_size) != ROVE_OK) {
        memset(&order, 0, sizeof order);
    }
    return order;
}

int rove__orders_is_done(const rove__orders *orders, const uint8_t nonce[ROVE_ORDER_NONCE_SIZE]) {
    int is = 0;

    for (size_t i = 0; i < orders->done_count; i++) {
        is |= memcmp(orders->done[i].nonce, nonce, ROVE_ORDER_NONCE_SIZE) == 0;
    }
    return is;
}

void rove__orders_add_done(rove__orders *orders, const rove__signed_order *order, int64_t now_ms) {
    size_t kept = 0;
    size_t first = 0;

    for (size_t i = 0; i < orders->done_count; i++) {
        if (orders->done[i].until_ms >= now_ms) {
            orders->done[kept++] = orders->done[i];
        }
    }
    if (kept == ROVE_ORDERS_DONE_MAX) {
        for (size_t i = 1; i < kept; i++) {
            first = orders->done[i].until_ms < orders->done[first].until_ms ? i : first;
        }
        orders->done[first] = orders->done[--kept];
    }
    memcpy(orders->done[kept].nonce, order->nonce, ROVE_ORDER_NONCE_SIZE);
    orders->done[kept].until_ms = order->until_ms;
    orders->done_count = kept + 1;
}
