#pragma once

namespace gradcam {

/// From now on a first Ctrl-C, a scheduler's SIGTERM or the SIGHUP of a closed terminal asks what
/// is under way to stop, and a second ends the program as usual. What is ignored, as under nohup,
/// stays so. Nor does a reader of the output that has gone end the program any more.
void catch_interrupt();

/// Whether one has come.
bool is_interrupted();

/// While one is there, such a signal waits: what is half done would be left behind.
class PutOffInterrupt {
 public:
  PutOffInterrupt();
  PutOffInterrupt(const PutOffInterrupt&) = delete;
  PutOffInterrupt& operator=(const PutOffInterrupt&) = delete;
  ~PutOffInterrupt();
};

}  // namespace gradcam
