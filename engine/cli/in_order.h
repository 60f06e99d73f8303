#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

namespace gradcam {

/// Does jobs in several threads, and hands over what they give in the order in which they came,
/// each as soon as those before it are done.
template <class T>
class InOrder {
 public:
  using Job = std::function<T()>;

  /// deliver: called by any of the threads, but by one at a time.
  InOrder(std::size_t threads, std::function<void(T)> deliver) : deliver_(std::move(deliver)) {
    bool has_more = true;
    while (has_more && threads_.size() < threads) {
      try {
        threads_.emplace_back([this] { work(); });
      } catch (const std::system_error&) {
        has_more = false;  // the system has not; those that there are will do, or this one
      }
    }
  }

  InOrder(const InOrder&) = delete;
  InOrder& operator=(const InOrder&) = delete;

  /// Waits until everything is delivered.
  ~InOrder() {
    {
      const std::lock_guard lock(mutex_);
      closed_ = true;
    }
    has_job_.notify_all();
  }

  /// Takes the next job; waits while there are twice as many under way as threads.
  void push(Job job) {
    if (threads_.empty()) return deliver_(job());
    std::unique_lock lock(mutex_);
    has_room_.wait(lock, [&] { return pushed_ - delivered_ < 2 * threads_.size(); });
    jobs_.emplace_back(pushed_++, std::move(job));
    lock.unlock();
    has_job_.notify_one();
  }

 private:
  void work() {
    std::unique_lock lock(mutex_);
    for (;;) {
      has_job_.wait(lock, [&] { return closed_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      const auto [number, job] = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      T result = job();
      lock.lock();
      done_.emplace(number, std::move(result));
      // Whoever is delivering will find it.
      if (!delivering_) deliver_what_can_be(lock);
    }
  }

  void deliver_what_can_be(std::unique_lock<std::mutex>& lock) {
    delivering_ = true;
    for (auto next = done_.find(delivered_); next != done_.end(); next = done_.find(delivered_)) {
      T result = std::move(next->second);
      done_.erase(next);
      lock.unlock();
      deliver_(std::move(result));
      lock.lock();
      ++delivered_;
      has_room_.notify_one();
    }
    delivering_ = false;
  }

  std::function<void(T)> deliver_;
  std::mutex mutex_;
  std::condition_variable has_job_;
  std::condition_variable has_room_;
  std::deque<std::pair<std::size_t, Job>> jobs_;  // by number
  std::map<std::size_t, T> done_;                 // but not delivered
  std::size_t pushed_ = 0;
  std::size_t delivered_ = 0;
  bool delivering_ = false;
  bool closed_ = false;
  std::vector<std::jthread> threads_;  // the last member: they end before the others do
};

}  // namespace gradcam
