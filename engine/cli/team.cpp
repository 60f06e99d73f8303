#include "cli/team.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "cli/files.h"
#include "cli/threads.h"
#include "gradcam/explain/together.h"

namespace gradcam {
namespace {

/// Calls task(i), which gives a Result<void>, for every i below `count`, each in a thread of its
/// own, the first in this one. Where one fails, or the system has no more threads, `give_up` is
/// called, which makes the others end. Returns the first error.
template <class Task, class GiveUp>
Result<void> run_together(std::size_t count, const Task& task, const GiveUp& give_up) {
  std::vector<Result<void>> outcomes(count);
  const auto run = [&](std::size_t i) {
    outcomes[i] = within_memory([&] { return task(i); });
    if (!outcomes[i]) give_up();
  };
  {
    std::vector<std::jthread> threads;
    try {
      for (std::size_t i = 1; i < count; ++i) threads.emplace_back(run, i);
    } catch (const std::system_error& error) {
      give_up();
      return fail(ErrorCode::kInternal, "a thread for each of " + std::to_string(count) +
                                            " workers could not be started: " + error.what());
    }
    run(0);
  }
  for (const Result<void>& outcome : outcomes) GRADCAM_CHECK_OK(outcome);
  return {};
}

/// Messages on their way to one member.
class Mailbox {
 public:
  void put(std::size_t from, Tensor values) {
    {
      const std::lock_guard lock(mutex_);
      messages_.push_back({from, std::move(values)});
    }
    changed_.notify_one();
  }

  void close() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    changed_.notify_one();
  }

  /// Waits for messages and takes them all; none once the box is closed.
  std::vector<Message> take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !messages_.empty(); });
    return closed_ ? std::vector<Message>() : std::exchange(messages_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Message> messages_;  // with their senders
  bool closed_ = false;
};

}  // namespace

Result<Team> Team::load(const std::filesystem::path& path, std::size_t workers,
                        const LoadOptions& options) {
  GRADCAM_CHECK_OK(check_share({0, workers}));
  std::vector<std::optional<Member>> loaded(workers);
  const auto load = [&](std::size_t i) -> Result<void> {
    LoadOptions own = options;
    own.share = {i, workers};
    GRADCAM_TRY(Vgg16 model, load_model(path, own));
    GRADCAM_TRY(loaded[i], Member::create(std::move(model)));
    return {};
  };
  GRADCAM_CHECK_OK(run_together(workers, load, [] {}));
  std::vector<Member> members;
  for (auto& member : loaded) members.push_back(*std::move(member));
  return Team(std::move(members));
}

Result<void> Team::forward(const Tensor& input, const Outlook& outlook) {
  is_overwritten_ = false;
  for (std::size_t i = 0; i < workers(); ++i) {
    GRADCAM_CHECK_OK(members_[i].begin_forward(i == 0 ? &input : nullptr, outlook));
  }
  return run();
}

Result<std::vector<Heatmap>> Team::explain(const Method& method, const Tensor& input,
                                           std::span<const std::size_t> classes,
                                           const ExplainOptions& options) {
  GRADCAM_CHECK_OK(check_options(method, options));
  const auto maps_of = [&](const Tensor& view) {
    return at_layers(method, options.layers, [&](std::size_t layer) {
      return explain_at(layer, method, view, classes, options);
    });
  };
  if (!options.augment) return maps_of(input);
  const auto maps = augmented(input, [&](const Tensor& view) {
    is_overwritten_ = true;
    return maps_of(view);
  });
  is_overwritten_ = true;
  return maps;
}

Result<std::vector<Heatmap>> Team::explain_at(std::size_t layer, const Method& method,
                                              const Tensor& input,
                                              std::span<const std::size_t> classes,
                                              const ExplainOptions& options) {
  if (is_overwritten_) {
    GRADCAM_CHECK_OK(forward(input, outlook(method, std::ranges::min(options.layers))));
  }
  for (Member& member : members_) {
    GRADCAM_CHECK_OK(begin_together(member, method, classes, layer, options));
  }
  GRADCAM_CHECK_OK(run());
  GRADCAM_TRY(const MapPlan plan,
              plan_together(members_.front(), input, method, classes, layer, options));
  GRADCAM_TRY(PassRun passes, PassRun::begin(plan.passes, model().logits()));
  const auto pass = [&](const Tensor& start) -> Result<const Tensor*> {
    is_overwritten_ = true;
    for (Member& member : members_) {
      const bool is_first = &member == &members_.front();
      GRADCAM_CHECK_OK(begin_pass(member, passes.from(), is_first ? &start : nullptr));
    }
    GRADCAM_CHECK_OK(run());
    return &activations().logits;
  };
  GRADCAM_CHECK_OK(passes.run(pass, options.progress));
  return plan.outcome(passes.logits());
}

/// Lets all members work until they are done with what they have begun, or one has failed.
Result<void> Team::run() {
  std::vector<Mailbox> mailboxes(workers());
  const auto close_all = [&] {
    for (Mailbox& mailbox : mailboxes) mailbox.close();
  };
  const auto work = [&](std::size_t i) -> Result<void> {
    Member& member = members_[i];
    for (;;) {
      const Progress progress = member.progress();
      for (Message& message : member.take_messages()) {
        mailboxes[message.member].put(i, std::move(message.values));
      }
      if (progress == Progress::kDone) return {};
      if (progress == Progress::kReady) {
        GRADCAM_CHECK_OK(member.step());
        continue;
      }
      std::vector<Message> messages = mailboxes[i].take();
      if (messages.empty()) return {};
      for (Message& message : messages) {
        GRADCAM_CHECK_OK(member.receive(message.member, std::move(message.values)));
      }
    }
  };
  return run_together(workers(), work, close_all);
}

}  // namespace gradcam
