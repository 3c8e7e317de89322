#include "rlcd/session.h"

#include "tensor/base/comm.h"

bool session_stop(const Session *session) { return comm_any(session->stop_wanted()); }

void session_metrics(Session *session, double start, double tokens) {
    double wall = clock_seconds() - start;
    metrics_add_machine(session->metrics, "wall_s", wall);
    metrics_add_machine(session->metrics, "rss_bytes", (double)memory_peak_bytes());
    metrics_add_machine(session->metrics, "tokens_per_s", wall > 0 ? tokens / wall : 0);
    if (comm_size() == 1) return;
    metrics_add_machine(session->metrics, "comm_bytes", (double)comm_sent_bytes());
    metrics_add_machine(session->metrics, "comm_s", comm_seconds());
}
