#include "gradcam/image/zlib.h"

#include <algorithm>
#include <array>
#include <bit>
#include <numeric>
#include <utility>
#include <vector>

namespace gradcam {
namespace {

// So many bytes have codes of their own; no more fit in a block that is stored as it is.
constexpr std::size_t kBlock = 0xffff;

// Symbols: a byte each, the end of a block, and the lengths of runs.
constexpr std::size_t kEnd = 256;
constexpr std::size_t kSymbols = 286;
constexpr int kLongestCode = 15;
constexpr std::ptrdiff_t kShortestRun = 3;
constexpr std::ptrdiff_t kLongestRun = 258;

// Symbols that say how long the codes are: 0 to 15, and three that repeat.
constexpr std::size_t kRepeat = 16;  // the one before, 3 to 6 times
constexpr std::size_t kZeros = 17;   // 3 to 10 of them
constexpr std::size_t kManyZeros = 18;
constexpr std::size_t kLengthSymbols = 19;
constexpr int kLongestLengthCode = 7;

/// A symbol and a number of further bits.
struct Symbol {
  std::size_t symbol;
  int extra_bits = 0;
  std::size_t extra = 0;
};

/// 257 to 264 stand for 3 to 10 bytes each, from there on 4 symbols for 2, 4, 8, ... bytes each.
Symbol run_symbol(std::size_t bytes) {
  if (bytes == std::size_t{kLongestRun}) return {285};
  const std::size_t i = bytes - std::size_t{kShortestRun};
  if (i < 8) return {kEnd + 1 + i};
  const int extra_bits = std::bit_width(i) - 3;
  const std::size_t quarter = i >> extra_bits & 3;
  return {261 + 4 * static_cast<std::size_t>(extra_bits) + quarter, extra_bits,
          i & ((std::size_t{1} << extra_bits) - 1)};
}

/// Writes bits from the lowest on. A copy is kept in registers.
class BitWriter {
 public:
  BitWriter(std::uint8_t* out, ZlibWriter::Bits waiting) : out_(out), waiting_(waiting) {}

  void put(std::size_t value, int bits) {
    waiting_.bits |= std::uint64_t{value} << waiting_.count;
    waiting_.count += bits;
    if (waiting_.count >= 32) put_bytes(4);
  }

  /// Fills up the last byte.
  void align() {
    put_bytes((waiting_.count + 7) / 8);
    waiting_.count = 0;
  }

  /// After align().
  void put_bytes(std::span<const std::uint8_t> bytes) { out_ = std::ranges::copy(bytes, out_).out; }

  std::uint8_t* end() const { return out_; }
  ZlibWriter::Bits waiting() const { return waiting_; }

 private:
  void put_bytes(int bytes) {
    const std::uint64_t word = waiting_.bits;
    for (int i = 0; i < bytes; ++i) out_[i] = static_cast<std::uint8_t>(word >> 8 * i);
    out_ += bytes;
    waiting_ = {.bits = word >> 8 * bytes, .count = waiting_.count - 8 * bytes};
  }

  std::uint8_t* out_;
  ZlibWriter::Bits waiting_;
};

/// How often each symbol occurs, and how many further bits there are.
template <std::size_t N>
struct Counts {
  std::array<std::uint32_t, N> of{};
  std::size_t extra_bits = 0;

  void add(const Symbol& symbol) {
    ++of[symbol.symbol];
    extra_bits += static_cast<std::size_t>(symbol.extra_bits);
  }
};

/// The lengths of the codes of an optimal prefix code (Huffman 1952); 0 for what does not occur.
template <std::size_t N>
std::array<std::uint8_t, N> huffman_lengths(const std::array<std::uint32_t, N>& counts) {
  std::vector<std::size_t> used;
  for (std::size_t i = 0; i < N; ++i) {
    if (counts[i] > 0) used.push_back(i);
  }
  std::ranges::sort(used, {}, [&](std::size_t i) { return std::pair(counts[i], i); });
  // Leaves, then what is made of two nodes each: both are sorted, so the two smallest are in front.
  const std::size_t leaves = used.size();
  const std::size_t nodes = 2 * leaves - 1;
  std::vector<std::uint32_t> weight(nodes);
  std::vector<std::size_t> parent(nodes);
  for (std::size_t i = 0; i < leaves; ++i) weight[i] = counts[used[i]];
  std::size_t leaf = 0;
  std::size_t inner = leaves;
  for (std::size_t made = leaves; made < nodes; ++made) {
    for (int i = 0; i < 2; ++i) {
      const bool is_leaf = leaf < leaves && (inner == made || weight[leaf] <= weight[inner]);
      const std::size_t smallest = is_leaf ? leaf++ : inner++;
      weight[made] += weight[smallest];
      parent[smallest] = made;
    }
  }
  std::vector<std::uint8_t> depth(nodes);
  for (std::size_t i = nodes - 1; i-- > 0;) depth[i] = depth[parent[i]] + 1;
  std::array<std::uint8_t, N> lengths{};
  for (std::size_t i = 0; i < leaves; ++i) lengths[used[i]] = std::max<std::uint8_t>(depth[i], 1);
  return lengths;
}

/// A prefix code with codes of `longest` bits at most.
template <std::size_t N>
class Code {
 public:
  Code(std::array<std::uint32_t, N> counts, int longest) : lengths_(huffman_lengths(counts)) {
    while (std::ranges::max(lengths_) > longest) {
      // What is rarest gets a larger part, until it is large enough.
      for (std::uint32_t& count : counts) count -= count / 2;
      lengths_ = huffman_lengths(counts);
    }
    // Codes of a length are consecutive numbers, in the order of the symbols; highest bit first.
    std::size_t next = 0;
    for (int length = 1; length <= longest; ++length) {
      for (std::size_t i = 0; i < N; ++i) {
        if (lengths_[i] == length) codes_[i] = {reversed(next++, length), lengths_[i]};
      }
      next *= 2;
    }
  }

  const std::array<std::uint8_t, N>& lengths() const { return lengths_; }

  std::size_t bits(const Counts<N>& counts) const {
    return std::inner_product(lengths_.begin(), lengths_.end(), counts.of.begin(),
                              counts.extra_bits);
  }

  void put(BitWriter& out, std::size_t symbol) const {
    out.put(codes_[symbol].bits, codes_[symbol].length);
  }

  void put(BitWriter& out, const Symbol& symbol) const {
    put(out, symbol.symbol);
    out.put(symbol.extra, symbol.extra_bits);
  }

 private:
  static std::uint16_t reversed(std::size_t code, int length) {
    std::size_t result = 0;
    for (int i = 0; i < length; ++i) result |= (code >> i & 1) << (length - 1 - i);
    return static_cast<std::uint16_t>(result);
  }

  struct Bits {
    std::uint16_t bits;
    std::uint16_t length;
  };

  std::array<std::uint8_t, N> lengths_;
  std::array<Bits, N> codes_{};
};

/// Cuts bytes into those that stand for themselves and runs of the byte before: byte(value),
/// run(length).
template <class Byte, class Run>
void cut(std::span<const std::uint8_t> bytes, const Byte& byte, const Run& run) {
  const std::uint8_t* at = bytes.data();
  const std::uint8_t* const end = at + bytes.size();
  int before = -1;
  while (at < end) {
    if (*at == before && end - at >= kShortestRun && at[1] == before && at[2] == before) {
      const std::uint8_t* const most = at + std::min<std::ptrdiff_t>(end - at, kLongestRun);
      const auto is_other = [&](std::uint8_t value) { return value != before; };
      const std::uint8_t* const run_end = std::find_if(at, most, is_other);
      run(static_cast<std::size_t>(run_end - at));
      at = run_end;
    } else {
      before = *at++;
      byte(static_cast<std::uint8_t>(before));
    }
  }
}

/// The lengths of codes with what is repeated as such: visit(symbol).
template <class Visit>
void cut_lengths(std::span<const std::uint8_t> lengths, const Visit& visit) {
  for (std::size_t i = 0; i < lengths.size();) {
    std::size_t same = 1;
    while (i + same < lengths.size() && lengths[i + same] == lengths[i]) ++same;
    const bool is_zero = lengths[i] == 0;
    if (is_zero && same >= 11) {
      same = std::min<std::size_t>(same, 138);
      visit(Symbol{kManyZeros, 7, same - 11});
    } else if (is_zero && same >= 3) {
      visit(Symbol{kZeros, 3, same - 3});
    } else if (i > 0 && lengths[i - 1] == lengths[i] && same >= 3) {
      same = std::min<std::size_t>(same, 6);
      visit(Symbol{kRepeat, 2, same - 3});
    } else {
      same = 1;
      visit(Symbol{lengths[i]});
    }
    i += same;
  }
}

/// A block with codes of its own, before it is written.
class CodedBlock {
 public:
  explicit CodedBlock(std::span<const std::uint8_t> bytes)
      : bytes_(bytes), code_(count(), kLongestCode) {
    const auto& lengths = code_.lengths();
    std::ranges::copy(lengths, lengths_.begin());
    // Runs repeat the byte before: of all distances only the first one has a code.
    lengths_.back() = 1;
    cut_lengths(lengths_, [&](const Symbol& symbol) { length_counts_.add(symbol); });
  }

  BitWriter write(BitWriter out) const {
    constexpr std::array<std::size_t, kLengthSymbols> kOrder = {16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                                                11, 4,  12, 3, 13, 2, 14, 1, 15};
    const Code<kLengthSymbols> length_code(length_counts_.of, kLongestLengthCode);
    out.put(kSymbols - 257, 5);
    out.put(0, 5);  // one distance
    out.put(kLengthSymbols - 4, 4);
    for (const std::size_t symbol : kOrder) out.put(length_code.lengths()[symbol], 3);
    cut_lengths(lengths_, [&](const Symbol& symbol) { length_code.put(out, symbol); });
    cut(
        bytes_, [&](std::uint8_t byte) { code_.put(out, byte); },
        [&](std::size_t run) {
          code_.put(out, run_symbol(run));
          out.put(0, 1);
        });
    code_.put(out, kEnd);
    return out;
  }

  /// At most so many bytes does that take.
  std::size_t bytes() const {
    constexpr std::size_t kCounts = 5 + 5 + 4;
    constexpr std::size_t kLengthCode = 3 * kLengthSymbols;
    constexpr std::size_t kLengths = kLongestLengthCode * (kSymbols + 1);
    const std::size_t header = kCounts + kLengthCode + kLengths + length_counts_.extra_bits;
    return (header + code_.bits(counts_) + runs_) / 8 + 1;
  }

 private:
  const std::array<std::uint32_t, kSymbols>& count() {
    cut(
        bytes_, [&](std::uint8_t byte) { ++counts_.of[byte]; },
        [&](std::size_t run) {
          counts_.add(run_symbol(run));
          ++runs_;
        });
    ++counts_.of[kEnd];
    return counts_.of;
  }

  std::span<const std::uint8_t> bytes_;
  Counts<kSymbols> counts_;
  std::size_t runs_ = 0;
  Code<kSymbols> code_;                               // made of the counts, which come before it
  std::array<std::uint8_t, kSymbols + 1> lengths_{};  // of the codes, and of that of the distance
  Counts<kLengthSymbols> length_counts_;
};

/// A block with codes of its own, or as it is if that is shorter.
BitWriter put_block(BitWriter out, std::span<const std::uint8_t> bytes, bool is_last) {
  const CodedBlock block(bytes);
  out.put(is_last ? 1 : 0, 1);
  if (block.bytes() < bytes.size()) {
    out.put(2, 2);
    return block.write(out);
  }
  out.put(0, 2);
  out.align();
  for (const std::size_t each : {bytes.size(), ~bytes.size()}) {
    const std::array<std::uint8_t, 2> two = {static_cast<std::uint8_t>(each),
                                             static_cast<std::uint8_t>(each >> 8)};
    out.put_bytes(two);
  }
  out.put_bytes(bytes);
  return out;
}

// A block that is stored takes so many bytes more, with the bits that waited before it.
constexpr std::size_t kBlockOverhead = 16;

}  // namespace

std::size_t zlib_bound(std::size_t bytes) {
  return bytes + (bytes / kBlock + 1) * kBlockOverhead + kBlock + 6;
}

ZlibWriter::ZlibWriter(std::vector<std::uint8_t>& out) : out_(out) {
  block_.reserve(kBlock);
  out_.push_back(0x78);  // a window of 32 KB
  out_.push_back(0x01);  // compressed fast
}

void ZlibWriter::write(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    if (block_.size() == kBlock) end_block(false);
    const auto some = bytes.first(std::min(bytes.size(), kBlock - block_.size()));
    block_.insert(block_.end(), some.begin(), some.end());
    bytes = bytes.subspan(some.size());
  }
}

void ZlibWriter::finish() {
  end_block(true);
  for (const std::uint32_t half : {checksum_[1], checksum_[0]}) {
    out_.push_back(static_cast<std::uint8_t>(half >> 8));
    out_.push_back(static_cast<std::uint8_t>(half));
  }
}

void ZlibWriter::end_block(bool is_last) {
  add_to_checksum(block_);
  const std::size_t begin = out_.size();
  out_.resize(begin + kBlock + kBlockOverhead);
  BitWriter writer = put_block({out_.data() + begin, waiting_}, block_, is_last);
  if (is_last) writer.align();
  waiting_ = writer.waiting();
  out_.resize(static_cast<std::size_t>(writer.end() - out_.data()));
  block_.clear();
}

/// Adler-32.
void ZlibWriter::add_to_checksum(std::span<const std::uint8_t> bytes) {
  constexpr std::uint32_t kModulus = 65521;
  constexpr std::size_t kNoOverflow = 5552;  // bytes
  auto [a, b] = checksum_;
  while (!bytes.empty()) {
    const auto some = bytes.first(std::min(bytes.size(), kNoOverflow));
    for (const std::uint8_t byte : some) {
      a += byte;
      b += a;
    }
    a %= kModulus;
    b %= kModulus;
    bytes = bytes.subspan(some.size());
  }
  checksum_ = {a, b};
}

}  // namespace gradcam
