#pragma once

namespace gradcam {

/// From now on a first Ctrl-C, a scheduler's SIGTERM or the SIGHUP of a closed terminal asks what
/// is under way to stop, and a second ends the program as usual. What is ignored, as under nohup,
/// stays so.
void catch_interrupt();

/// Whether one has come.
bool is_interrupted();

}  // namespace gradcam
