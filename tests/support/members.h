#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "gradcam/explain/together.h"
#include "gradcam/vgg16/loader.h"
#include "gradcam/vgg16/member.h"
#include "support/random.h"

namespace gradcam::testing {

/// All members of a model, driven in one thread, in an order that changes from step to step.
struct Members {
  std::vector<Member> members;
  std::span<const std::uint8_t> file;  // must outlive them if they read it
  RandomFloats random{1};

  static Result<Members> load(std::span<const std::uint8_t> file, std::size_t count,
                              std::optional<ConvAlgorithm> algorithm = std::nullopt) {
    Members all;
    all.file = file;
    for (std::size_t i = 0; i < count; ++i) {
      GRADCAM_TRY(Vgg16 model, load_vgg16(file, {.convolution = algorithm, .share = {i, count}}));
      GRADCAM_TRY(Member member, Member::create(std::move(model)));
      all.members.push_back(std::move(member));
    }
    return all;
  }

  /// The only one, which saves memory by all means.
  static Result<Members> load_frugal(std::span<const std::uint8_t> file) {
    Members all;
    all.file = file;
    GRADCAM_TRY(Vgg16 model, load_vgg16(file, {.low_memory = true, .leave_fc1 = true}));
    GRADCAM_TRY(Member member, Member::create(std::move(model)));
    all.members.push_back(std::move(member));
    return all;
  }

  Result<void> forward(const Tensor& input, const Outlook& outlook = {}) {
    for (std::size_t i = 0; i < members.size(); ++i) {
      GRADCAM_CHECK_OK(members[i].begin_forward(i == 0 ? &input : nullptr, outlook));
    }
    return run();
  }

  /// A map for each of the classes, after a forward pass of the input.
  Result<std::vector<Heatmap>> explain(const Tensor& input, std::span<const std::size_t> classes,
                                       const Method& method = methods().front(),
                                       std::size_t layer = kBlock5Conv3) {
    for (Member& member : members) {
      GRADCAM_CHECK_OK(begin_together(member, method, classes, layer));
    }
    GRADCAM_CHECK_OK(run());
    GRADCAM_TRY(const MapPlan plan,
                plan_together(members.front(), input, method, classes, layer, {.channels = 3}));
    GRADCAM_TRY(PassRun passes, PassRun::begin(plan.passes, members.front().model().logits()));
    const auto pass = [&](const Tensor& start) -> Result<const Tensor*> {
      for (std::size_t i = 0; i < members.size(); ++i) {
        GRADCAM_CHECK_OK(begin_pass(members[i], passes.from(), i == 0 ? &start : nullptr));
      }
      GRADCAM_CHECK_OK(run());
      return &members.front().activations().logits;
    };
    GRADCAM_CHECK_OK(passes.run(pass));
    return plan.outcome(passes.logits());
  }

  Result<void> run() {
    const std::size_t count = members.size();
    for (std::size_t i = 0; i < count; ++i) GRADCAM_CHECK_OK(deliver(i));
    for (;;) {
      // Some member that can go on, or the next one after it.
      const std::size_t first = random.bits() % count;
      std::size_t i = 0;
      while (i < count && members[(first + i) % count].progress() != Progress::kReady) ++i;
      if (i == count && members.front().progress() == Progress::kReading) {
        GRADCAM_CHECK_OK(read(members.front()));
        continue;
      }
      if (i == count) break;
      GRADCAM_CHECK_OK(members[(first + i) % count].step());
      GRADCAM_CHECK_OK(deliver((first + i) % count));
    }
    for (const Member& member : members) {
      if (member.progress() != Progress::kDone) {
        return fail(ErrorCode::kInternal, "a member waits for a message that nobody sends");
      }
    }
    return {};
  }

 private:
  /// Some of the rows that a member lacks.
  Result<void> read(Member& member) {
    const auto [rows, row_bytes] = member.unread();
    const auto bytes = file.first(static_cast<std::size_t>(rows.end))
                           .subspan(static_cast<std::size_t>(rows.begin));
    const std::size_t count = 1 + random.bits() % (bytes.size() / row_bytes);
    return member.read(bytes.first(count * row_bytes));
  }

  Result<void> deliver(std::size_t from) {
    for (Message& message : members[from].take_messages()) {
      GRADCAM_CHECK_OK(members[message.member].receive(from, std::move(message.values)));
    }
    return {};
  }
};

}  // namespace gradcam::testing
