/*
 * admin/certificate.h - how long the server's certificate is good for, for status and serve.
 */
#ifndef ROVE_HQ_CERTIFICATE_H
#define ROVE_HQ_CERTIFICATE_H

#include "hq.h"
#include "posix/pki.h"

#define HQ_CERTIFICATE_WARN_MS (30 * ROVE_PKI_DAY_MS)

/* What it says; zeros if it cannot be read. 1: it ends within HQ_CERTIFICATE_WARN_MS, or has ended, or cannot be read. */
int hq_certificate_ends(hq *headquarters, rove_pki_server *certificate);

#endif
