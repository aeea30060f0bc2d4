/*
 * client/orders.c - the file of orders; see orders.h for its bytes.
 */
#include "client/orders.h"

#include <string.h>

#include "base/reader.h"
#include "base/text.h"
#include "client/checked.h"

#define MAGIC        "RoveOr"
#define MAGIC_SIZE   (sizeof MAGIC - 1)
#define FILE_VERSION 1u
#define HEAD_SIZE    (MAGIC_SIZE + 2)
#define FILE_MAX     ((size_t)ROVE_ORDER_MAX + 128)

/* ---- reading ---- */

static rove_status parse(const uint8_t *bytes, size_t size, rove__orders *orders) {
    rove__reader reader;

    rove__reader_init(&reader, bytes, size);
    (void)rove__reader_take(&reader, MAGIC_SIZE + 1);
    orders->stage = (rove__stage)rove__reader_byte(&reader);
    orders->told = rove__reader_byte(&reader) == 1;
    const uint8_t *order = rove__reader_bytes(&reader, ROVE_ORDER_MAX, &orders->order_size);
    if (orders->order_size > 0) {
        memcpy(orders->order, order, orders->order_size);
    }
    orders->replica = rove__reader_u32(&reader);
    orders->given_ms = (int64_t)rove__reader_u64(&reader);
    return rove__reader_status(&reader) == ROVE_OK && rove__reader_left(&reader) == 0 &&
                   orders->stage <= ROVE_STAGE_WIPED
               ? ROVE_OK
               : ROVE_CORRUPT;
}

static rove_status check_file(const rove__credentials_ports *ports, const uint8_t *bytes,
                              size_t size) {
    if (size < HEAD_SIZE + ROVE_SHA256_SIZE || memcmp(bytes, MAGIC, MAGIC_SIZE) != 0) {
        return ROVE_CORRUPT;
    }
    rove_status status = rove__checked_look(ports->crypto, bytes, size);
    if (status != ROVE_OK) {
        return status;
    }
    return bytes[MAGIC_SIZE] > FILE_VERSION ? ROVE_UPGRADE : ROVE_OK;
}

rove_status rove__orders_load(const rove__credentials_ports *ports, const char *path,
                              rove__orders *orders, rove_error *error) {
    uint8_t bytes[FILE_MAX];
    size_t size = 0;

    memset(orders, 0, sizeof *orders);
    rove_status status =
        ports->files->read(ports->files->ctx, path, bytes, sizeof bytes, &size, error);
    if (status == ROVE_OK) {
        status = check_file(ports, bytes, size);
    }
    if (status == ROVE_OK) {
        status = parse(bytes, size - ROVE_SHA256_SIZE, orders);
    }
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

rove_status rove__orders_save(const rove__credentials_ports *ports, const char *path,
                              const rove__orders *orders, rove_error *error) {
    uint8_t check[ROVE_SHA256_SIZE];
    rove__buf bytes;

    rove__buf_init(&bytes, ports->allocator, FILE_MAX);
    rove__buf_append(&bytes, MAGIC, MAGIC_SIZE);
    rove__buf_byte(&bytes, FILE_VERSION);
    rove__buf_byte(&bytes, (uint8_t)orders->stage);
    rove__buf_byte(&bytes, orders->told != 0);
    rove__buf_bytes(&bytes, orders->order, orders->order_size);
    rove__buf_u32(&bytes, orders->replica);
    rove__buf_u64(&bytes, (uint64_t)orders->given_ms);
    rove_status status = rove__buf_status(&bytes);
    if (status == ROVE_OK) {
        status = rove__checked_end(ports->crypto, bytes.data, bytes.size, check);
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

int64_t rove__orders_followed_ms(const rove__orders *orders, rove_replica replica) {
    return orders->replica == replica ? orders->given_ms : 0;
}
