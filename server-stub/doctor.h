/*
 * doctor.h - rove-hq doctor: what is wrong with a headquarters, looked at from outside, without a byte being written.
 */
#ifndef ROVE_HQ_DOCTOR_H
#define ROVE_HQ_DOCTOR_H

#include "hq.h"

/* Of a folder that nobody has opened for it; another process may serve it. Returns a value of hq_exit: FAILED, something is wrong. */
int hq_doctor(const hq_ports *ports, const char *folder, const hq_io *io, int deep);

#endif
