#include "cli/interrupt.h"

#include <array>
#include <csignal>
#include <cstddef>
#include <mutex>

namespace gradcam {
namespace {

volatile std::sig_atomic_t g_interrupted = 0;

constexpr auto kSignals = std::to_array({
    SIGINT,
    SIGTERM,
#ifdef SIGHUP  // not on Windows
    SIGHUP,
#endif
});

void interrupt(int signal) {
  g_interrupted = 1;
  std::signal(signal, SIG_DFL);
}

using Handler = void (*)(int);

std::mutex g_putting_off;
int g_put_off_by = 0;                             // so many
std::array<Handler, kSignals.size()> g_handlers;  // which are put off meanwhile
volatile std::sig_atomic_t g_waiting = 0;         // the last signal that came meanwhile

void wait(int signal) {
  g_waiting = signal;
  std::signal(signal, wait);  // which some systems have forgotten by now
}

}  // namespace

PutOffInterrupt::PutOffInterrupt() {
  const std::scoped_lock lock(g_putting_off);
  if (g_put_off_by++ > 0) return;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    g_handlers[i] = std::signal(kSignals[i], wait);
    if (g_handlers[i] == SIG_IGN) std::signal(kSignals[i], SIG_IGN);
  }
}

PutOffInterrupt::~PutOffInterrupt() {
  const std::scoped_lock lock(g_putting_off);
  if (--g_put_off_by > 0) return;
  for (std::size_t i = 0; i < kSignals.size(); ++i) std::signal(kSignals[i], g_handlers[i]);
  const int signal = g_waiting;
  g_waiting = 0;
  if (signal != 0) std::raise(signal);
}

void catch_interrupt() {
  for (const int signal : kSignals) {
    if (std::signal(signal, interrupt) == SIG_IGN) std::signal(signal, SIG_IGN);
  }
#ifdef SIGPIPE  // not on Windows
  // Whoever reads what is said may be interrupted, too; that it cannot be written is found at the
  // end.
  std::signal(SIGPIPE, SIG_IGN);
#endif
}

bool is_interrupted() { return g_interrupted != 0; }

}  // namespace gradcam
