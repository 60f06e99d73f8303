#include "cli/interrupt.h"

#include <gtest/gtest.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>

namespace gradcam {
namespace {

#if !defined(_WIN32)

void signalled_twice_while_writing() {
  {
    const PutOffInterrupt outer;
    std::raise(SIGTERM);
    const PutOffInterrupt inner;
    std::raise(SIGTERM);
    std::fputs("written, ", stderr);
  }
  std::fputs("and never here", stderr);
  std::exit(0);
}

TEST(PutOffInterrupt, ASignalWaitsForWhatIsUnderWay) {
  EXPECT_EXIT(signalled_twice_while_writing(), ::testing::KilledBySignal(SIGTERM), "^written, $");
}

void signalled_though_ignored() {
  std::signal(SIGHUP, SIG_IGN);  // as under nohup
  {
    const PutOffInterrupt whole;
    std::raise(SIGHUP);
  }
  std::raise(SIGHUP);
  std::exit(0);
}

TEST(PutOffInterrupt, WhatIsIgnoredStaysSo) {
  EXPECT_EXIT(signalled_though_ignored(), ::testing::ExitedWithCode(0), "");
}

#endif

void caught_while_writing() {
  catch_interrupt();
  {
    const PutOffInterrupt whole;
    std::raise(SIGINT);
    if (is_interrupted()) std::exit(1);
  }
  std::exit(is_interrupted() ? 0 : 2);
}

TEST(PutOffInterrupt, WhoCatchesSignalsHearsOfThemAfterwards) {
  EXPECT_EXIT(caught_while_writing(), ::testing::ExitedWithCode(0), "");
}

}  // namespace
}  // namespace gradcam
