/*
 * http/answer.h - answers of fixed size.
 */
#ifndef ROVE_HQ_ANSWER_H
#define ROVE_HQ_ANSWER_H

#include "http/front.h"

/* A failure: the header Rove-Status, and the status' sentence as text. */
enum MHD_Result answer_status(request *self, unsigned http, rove_status status);
/* What an internal failure means to a device: 503 for what passes, else 500. The cause goes to the log. */
enum MHD_Result answer_failure(request *self, rove_status status, const rove_error *error);
/* 200 with a copy of the bytes. */
enum MHD_Result answer_bytes(request *self, const char *content_type, void *bytes, size_t size);
/* Adds what every answer carries, queues it, counts it, and drops the response. */
enum MHD_Result answer_queue(request *self, unsigned http, struct MHD_Response *response,
                             const char *content_type);

#endif
