// Python bindings: only conversions and checks; the algorithms are in the headers.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>

#include <algorithm>
#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "gaussian.hpp"
#include "graph.hpp"
#include "half_disc.hpp"
#include "match.hpp"
#include "merge.hpp"
#include "snic.hpp"
#include "thin.hpp"
#include "tree.hpp"
#include "walk.hpp"

namespace nb = nanobind;
using namespace nb::literals;

template <typename T, int N>
using Array = nb::ndarray<const T, nb::ndim<N>, nb::c_contig, nb::device::cpu>;

template <typename A>
static void same_shape(const A &array, const sen::Shape &shape, const char *name) {
    if (int64_t(array.shape(0)) != shape.z || int64_t(array.shape(1)) != shape.y ||
        int64_t(array.shape(2)) != shape.x)
        throw std::invalid_argument(std::string(name) + " must have the shape of the image");
}

template <typename A>
static sen::Shape shape_of(const A &array) {
    return {int64_t(array.shape(0)), int64_t(array.shape(1)), int64_t(array.shape(2))};
}

template <typename A>
static std::array<size_t, 3> image_shape(const A &array) {
    return {array.shape(0), array.shape(1), array.shape(2)};
}

// Give memory to a NumPy array, which frees it.
template <typename T, size_t N>
static auto handed_over(std::unique_ptr<T[]> memory, std::array<size_t, N> shape) {
    T *data = memory.release();
    nb::capsule owner(data, [](void *p) noexcept { delete[] static_cast<T *>(p); });
    return nb::ndarray<nb::numpy, T, nb::ndim<N>>(data, N, shape.data(), owner);
}

static auto snic(const Array<float, 4> &features, const Array<int64_t, 1> &seeds,
                 std::array<double, 3> spatial_weight, bool corners,
                 std::optional<Array<uint8_t, 3>> mask, std::optional<Array<float, 3>> boundary,
                 std::optional<nb::callable> poll, bool wide) {
    sen::SnicProblem problem{};
    problem.features = features.data();
    problem.channels = int64_t(features.shape(3));
    problem.shape = shape_of(features);
    problem.seeds = seeds.data();
    problem.n_seeds = int64_t(seeds.shape(0));
    problem.corners = corners;
    for (int a = 0; a < 3; ++a) problem.spatial_weight[a] = float(spatial_weight[a]);
    const int64_t size = problem.shape.size();
    if (size == 0 || problem.channels == 0)
        throw std::invalid_argument("features must not be empty");
    for (int64_t axis : {problem.shape.z, problem.shape.y, problem.shape.x})
        if (axis > std::numeric_limits<int32_t>::max())
            throw std::invalid_argument("an axis is longer than 2^31 - 1 pixels");
    if (problem.n_seeds > std::numeric_limits<int32_t>::max())
        throw std::invalid_argument("too many seeds for 32-bit labels");
    if (mask) {
        same_shape(*mask, problem.shape, "mask");
        problem.mask = mask->data();
    }
    if (boundary) {
        same_shape(*boundary, problem.shape, "boundary");
        problem.boundary = boundary->data();
    }
    std::vector<bool> taken(static_cast<size_t>(size), false);
    for (int64_t k = 0; k < problem.n_seeds; ++k) {
        const int64_t at = problem.seeds[k];
        if (at < 0 || at >= size) throw std::invalid_argument("a seed lies outside the image");
        if (taken[at]) throw std::invalid_argument("two seeds lie on one pixel");
        if (problem.mask && !problem.mask[at])
            throw std::invalid_argument("a seed lies outside the mask");
        taken[at] = true;
    }
    taken = std::vector<bool>();

    auto labels = std::make_unique<int32_t[]>(static_cast<size_t>(size));
    {
        nb::gil_scoped_release nogil;
        sen::snic(problem, labels.get(), wide, [&](int64_t done) {
            nb::gil_scoped_acquire gil;
            if (poll) (*poll)(done);  // raises to stop
        });
    }
    return handed_over<int32_t, 3>(std::move(labels), image_shape(features));
}

// Region r is label r + 1; every label must have its region.
static void check_labels(const Array<int32_t, 3> &labels, int64_t n) {
    const int32_t *first = labels.data(), *last = first + labels.size();
    if (n < 0 || n > std::numeric_limits<int32_t>::max())
        throw std::invalid_argument("the number of regions must fit 32-bit labels");
    for (const int32_t *label = first; label != last; ++label)
        if (*label < 0 || *label > n)
            throw std::invalid_argument("labels must lie in 0...the number of regions");
}

static auto region_graph(const Array<int32_t, 3> &labels, int64_t n,
                         std::optional<Array<float, 3>> strength) {
    const sen::Shape shape = shape_of(labels);
    check_labels(labels, n);
    if (strength) same_shape(*strength, shape, "strength");
    std::vector<sen::Border> borders;
    {
        nb::gil_scoped_release nogil;
        borders = sen::region_graph(labels.data(), strength ? strength->data() : nullptr, shape);
    }
    auto edges = std::make_unique<int32_t[]>(2 * borders.size());
    auto faces = std::make_unique<int64_t[]>(3 * borders.size());
    auto sums = std::make_unique<double[]>(3 * borders.size());
    for (size_t e = 0; e < borders.size(); ++e) {
        edges[2 * e] = int32_t(borders[e].key >> 32);
        edges[2 * e + 1] = int32_t(borders[e].key & 0xffffffffu);
        std::copy_n(borders[e].faces, 3, &faces[3 * e]);
        std::copy_n(borders[e].strength, 3, &sums[3 * e]);
    }
    return nb::make_tuple(handed_over<int32_t, 2>(std::move(edges), {borders.size(), 2}),
                          handed_over<int64_t, 2>(std::move(faces), {borders.size(), 3}),
                          handed_over<double, 2>(std::move(sums), {borders.size(), 3}));
}

static auto region_sums(const Array<int32_t, 3> &labels, const Array<float, 4> &features,
                        int64_t n) {
    check_labels(labels, n);
    same_shape(features, shape_of(labels), "features");
    const size_t channels = features.shape(3);
    auto sizes = std::make_unique<int64_t[]>(size_t(n));  // zeros
    auto sums = std::make_unique<double[]>(size_t(n) * channels);
    {
        nb::gil_scoped_release nogil;
        sen::region_sums(labels.data(), features.data(), int64_t(labels.size()),
                         int64_t(channels), sizes.get(), sums.get());
    }
    return nb::make_tuple(handed_over<int64_t, 1>(std::move(sizes), {size_t(n)}),
                          handed_over<double, 2>(std::move(sums), {size_t(n), channels}));
}

static void check_edges(const Array<int32_t, 2> &edges, int64_t n) {
    if (edges.shape(1) != 2) throw std::invalid_argument("an edge has two regions");
    for (size_t e = 0; e < edges.shape(0); ++e) {
        const int32_t a = edges.data()[2 * e], b = edges.data()[2 * e + 1];
        if (a < 0 || b < 0 || a >= n || b >= n || a == b)
            throw std::invalid_argument("an edge must join two different regions");
    }
}

static auto merge(const Array<int32_t, 2> &edges, const Array<double, 1> &length,
                  const Array<double, 1> &strength, const Array<int64_t, 1> &sizes,
                  const Array<double, 2> &sums, int64_t exponent, double boundary_weight,
                  int64_t border_exponent, std::optional<nb::callable> poll) {
    sen::MergeProblem problem{};
    problem.n = int64_t(sizes.shape(0));
    problem.channels = int64_t(sums.shape(1));
    problem.sizes = sizes.data();
    problem.sums = sums.data();
    problem.n_edges = int64_t(edges.shape(0));
    problem.edges = edges.data();
    problem.length = length.data();
    problem.strength = strength.data();
    problem.exponent = exponent;
    problem.boundary_weight = boundary_weight;
    problem.border_exponent = border_exponent;
    if (problem.n > std::numeric_limits<int32_t>::max())
        throw std::invalid_argument("too many regions for 32-bit labels");
    check_edges(edges, problem.n);
    if (int64_t(sums.shape(0)) != problem.n || int64_t(length.shape(0)) != problem.n_edges ||
        int64_t(strength.shape(0)) != problem.n_edges)
        throw std::invalid_argument("the arrays of the graph differ in length");
    if (exponent < 0 || border_exponent < 0)
        throw std::invalid_argument("the exponents must not be negative");
    std::vector<sen::Merge> merges;
    {
        nb::gil_scoped_release nogil;
        merges = sen::Merger(problem).run([&](int64_t done) {
            nb::gil_scoped_acquire gil;
            if (poll) (*poll)(done);  // raises to stop
        });
    }
    auto pairs = std::make_unique<int64_t[]>(2 * merges.size());
    auto costs = std::make_unique<double[]>(merges.size());
    for (size_t k = 0; k < merges.size(); ++k) {
        pairs[2 * k] = merges[k].a;
        pairs[2 * k + 1] = merges[k].b;
        costs[k] = merges[k].cost;
    }
    return nb::make_tuple(handed_over<int64_t, 2>(std::move(pairs), {merges.size(), 2}),
                          handed_over<double, 1>(std::move(costs), {merges.size()}));
}

// The graph of a walk; its costs and scale are still to be set.
static sen::WalkProblem walk_problem(const Array<int32_t, 2> &edges,
                                     const Array<double, 1> &length,
                                     const Array<double, 2> &features) {
    sen::WalkProblem problem{};
    problem.n = int64_t(features.shape(0));
    problem.channels = int64_t(features.shape(1));
    problem.features = features.data();
    problem.n_edges = int64_t(edges.shape(0));
    problem.edges = edges.data();
    problem.length = length.data();
    check_edges(edges, problem.n);
    if (int64_t(length.shape(0)) != problem.n_edges)
        throw std::invalid_argument("the arrays of the graph differ in length");
    return problem;
}

static auto edge_costs(const Array<int32_t, 2> &edges, const Array<double, 1> &length,
                       const Array<double, 1> &strength, const Array<double, 2> &features,
                       double boundary_weight) {
    const sen::WalkProblem problem = walk_problem(edges, length, features);
    if (int64_t(strength.shape(0)) != problem.n_edges)
        throw std::invalid_argument("the arrays of the graph differ in length");
    auto costs = std::make_unique<double[]>(edges.shape(0));
    {
        nb::gil_scoped_release nogil;
        sen::edge_costs(problem, strength.data(), boundary_weight, costs.get());
    }
    return handed_over<double, 1>(std::move(costs), {edges.shape(0)});
}

static auto walk(const Array<int32_t, 2> &edges, const Array<double, 1> &length,
                 const Array<double, 1> &cost, const Array<double, 2> &features, double scale,
                 int64_t steps, std::optional<nb::callable> poll) {
    sen::WalkProblem problem = walk_problem(edges, length, features);
    if (int64_t(cost.shape(0)) != problem.n_edges)
        throw std::invalid_argument("the arrays of the graph differ in length");
    if (!(scale > 0)) throw std::invalid_argument("the scale must be above 0");
    if (steps < 0) throw std::invalid_argument("the number of steps must not be negative");
    problem.cost = cost.data();
    problem.scale = scale;
    auto out = std::make_unique<double[]>(edges.shape(0));
    {
        nb::gil_scoped_release nogil;
        sen::walk(problem, steps, out.get(), [&] {
            if (!poll) return;
            nb::gil_scoped_acquire gil;
            (*poll)();  // raises to stop
        });
    }
    return handed_over<double, 1>(std::move(out), {edges.shape(0)});
}

static auto relabel(const Array<int32_t, 3> &labels, const Array<int32_t, 1> &table) {
    check_labels(labels, int64_t(table.shape(0)) - 1);
    std::unique_ptr<int32_t[]> out(new int32_t[labels.size()]);  // not zeroed: all is written
    {
        nb::gil_scoped_release nogil;
        sen::relabel(labels.data(), int64_t(labels.size()), table.data(), out.get());
    }
    return handed_over<int32_t, 3>(std::move(out), image_shape(labels));
}

static auto ultrametric(const Array<int32_t, 3> &labels, const Array<int64_t, 2> &children,
                        const Array<double, 1> &heights) {
    const int64_t n = int64_t(children.shape(0)) + 1;
    check_labels(labels, n);
    if (children.shape(1) != 2 || int64_t(heights.shape(0)) != n - 1)
        throw std::invalid_argument("a merge needs two children and one height");
    for (int64_t k = 0; k < 2 * (n - 1); ++k)
        if (children.data()[k] < 0 || children.data()[k] >= n + k / 2)
            throw std::invalid_argument("a child must be made before its parent");
    auto out = std::make_unique<float[]>(labels.size());  // zeros
    {
        nb::gil_scoped_release nogil;
        sen::ultrametric(labels.data(), shape_of(labels), children.data(), heights.data(), n,
                         out.get());
    }
    return handed_over<float, 3>(std::move(out), image_shape(labels));
}

static auto border_values(const Array<int32_t, 3> &labels, const Array<int64_t, 1> &keys,
                          const Array<float, 1> &values) {
    check_labels(labels, std::numeric_limits<int32_t>::max());
    if (keys.size() != values.size())
        throw std::invalid_argument("every border needs a value");
    auto out = std::make_unique<float[]>(labels.size());  // zeros
    {
        nb::gil_scoped_release nogil;
        sen::border_values(labels.data(), shape_of(labels), keys.data(), values.data(),
                           int64_t(keys.size()), out.get());
    }
    return handed_over<float, 3>(std::move(out), image_shape(labels));
}

// Adds to `out`, so that several channels share one array.
static void half_disc(const Array<uint16_t, 2> &codes, const Array<int32_t, 2> &turns,
                      int64_t radius, int64_t step, float weight,
                      nb::ndarray<float, nb::ndim<3>, nb::c_contig, nb::device::cpu> out,
                      std::optional<nb::callable> poll) {
    sen::HalfDiscProblem problem{};
    problem.codes = codes.data();
    problem.y = int64_t(codes.shape(0));
    problem.x = int64_t(codes.shape(1));
    problem.radius = radius;
    problem.step = step;
    problem.weight = weight;
    if (radius < 1 || radius > 100) throw std::invalid_argument("radius must lie in 1...100");
    if (turns.shape(1) != 3) throw std::invalid_argument("a turn has three numbers");
    constexpr int32_t groups = sen::kTurnKinds * sen::kSectors;  // of a disc
    for (size_t i = 0; i < turns.shape(0); ++i) {
        const int32_t dy = turns(i, 0), dx = turns(i, 1), group = turns(i, 2);
        if (std::max({-dy, dy, -dx, dx - 1}) > radius || group < 0 || group >= 100 * groups)
            throw std::invalid_argument("a turn leaves the disc");
        if (i > 0 && group < turns(i - 1, 2))
            throw std::invalid_argument("the groups of turns must rise");
        problem.after.resize(size_t(group / groups + 1) * groups);
        problem.after[size_t(group)] += 1;
        problem.turns.push_back({dy, dx});
    }
    for (size_t group = 1; group < problem.after.size(); ++group)
        problem.after[group] += problem.after[group - 1];
    if (step < 1) throw std::invalid_argument("step must be at least 1");
    if (int64_t(out.shape(0)) != (problem.y + step - 1) / step ||
        int64_t(out.shape(1)) != (problem.x + step - 1) / step ||
        out.shape(2) != sen::kOrientations)
        throw std::invalid_argument("out must have the shape of the image and 8 orientations");
    int top = 0;  // the last bin in use
    for (size_t i = 0; i < codes.size(); ++i)
        if (codes.data()[i] != sen::kOutside) top = std::max(top, (codes.data()[i] + 15) >> 4);
    if (top >= 28) throw std::invalid_argument("there are 28 bins");
    nb::gil_scoped_release nogil;
    sen::half_disc(problem, top >= 12, out.data(), [&](int64_t done) {
        nb::gil_scoped_acquire gil;
        if (poll) (*poll)(done);  // raises to stop
    });
}

// Replaces `values` by the result.
static void correlate(nb::ndarray<float, nb::ndim<3>, nb::c_contig, nb::device::cpu> values,
                      const Array<double, 1> &weights, bool reflect) {
    if (weights.size() == 0) throw std::invalid_argument("the centre needs a weight");
    if (values.size() == 0) return;
    sen::CorrelateProblem problem{};
    problem.values = values.data();
    problem.outer = int64_t(values.shape(0));
    problem.length = int64_t(values.shape(1));
    problem.inner = int64_t(values.shape(2));
    problem.weights = weights.data();
    problem.radius = int64_t(weights.size()) - 1;
    problem.reflect = reflect;
    nb::gil_scoped_release nogil;
    sen::Correlation(problem).run();
}

static auto thin(const Array<uint8_t, 2> &map) {
    const size_t height = map.shape(0), width = map.shape(1);
    std::unique_ptr<uint8_t[]> out(new uint8_t[map.size()]);
    for (size_t i = 0; i < map.size(); ++i) out[i] = map.data()[i] != 0;
    {
        nb::gil_scoped_release nogil;
        sen::thin(out.get(), int64_t(height), int64_t(width));
    }
    return handed_over<uint8_t, 2>(std::move(out), {height, width});
}

static auto match_boundaries(const Array<uint8_t, 3> &maps, const Array<uint8_t, 2> &truth,
                             const Array<int32_t, 2> &reach) {
    const size_t count = maps.shape(0), height = maps.shape(1), width = maps.shape(2);
    if (truth.shape(0) != height || truth.shape(1) != width)
        throw std::invalid_argument("the maps differ in shape");
    if (reach.shape(1) != 3) throw std::invalid_argument("a reach has three numbers");
    std::vector<sen::Reach> offsets;
    for (size_t i = 0; i < reach.shape(0); ++i) {
        const int32_t *row = reach.data() + 3 * i;
        if (std::max({-row[0], row[0], -row[1], row[1]}) > 1000 || row[2] < 0 || row[2] > 1 << 20)
            throw std::invalid_argument("a reach is too far or costs too much");
        offsets.push_back({row[0], row[1], row[2]});
    }
    if ((height + 2000) * (width + 2000) > size_t(std::numeric_limits<int32_t>::max()))
        throw std::invalid_argument("the maps are too large");
    std::unique_ptr<uint8_t[]> matched(new uint8_t[maps.size()]);
    auto costs = std::make_unique<int64_t[]>(count);
    {
        nb::gil_scoped_release nogil;
        sen::BoundaryMatcher matcher(truth.data(), int64_t(height), int64_t(width), offsets);
        for (size_t t = 0; t < count; ++t)
            costs[t] = matcher.update(maps.data() + t * height * width,
                                      matched.get() + t * height * width);
    }
    return nb::make_tuple(handed_over<uint8_t, 3>(std::move(matched), image_shape(maps)),
                          handed_over<int64_t, 1>(std::move(costs), {count}));
}

static auto build() {
    nb::dict about;
#if defined(_MSC_FULL_VER)
    about["compiler"] = "MSVC " + std::to_string(_MSC_FULL_VER);
#elif defined(__clang__)
    about["compiler"] = __VERSION__;  // begins with the compiler's name
#else
    about["compiler"] = "GCC " __VERSION__;
#endif
#if defined(__GNUC__) && !defined(NAPARI_SEN_PORTABLE)
    about["vectors"] = "16 bytes";
#else
    about["vectors"] = "none";
#endif
    return about;
}

NB_MODULE(_kernel, m) {
    m.doc() = "Compiled kernels; call them through napari_sen.core.";
    m.def("build", &build, "Compiler and vector extensions; see napari_sen.core.build.");
    m.def("snic", &snic, "features"_a.noconvert(), "seeds"_a.noconvert(), "spatial_weight"_a,
          "corners"_a, "mask"_a.none() = nb::none(), "boundary"_a.none() = nb::none(),
          "poll"_a.none() = nb::none(), "wide"_a = false,
          "SNIC on (z, y, x, c) float32 features; see napari_sen.core.snic.snic.");
    m.def("region_graph", &region_graph, "labels"_a.noconvert(), "n"_a,
          "strength"_a.none() = nb::none(),
          "Edges, faces and summed strength along z, y, x; see napari_sen.core.graph.");
    m.def("region_sums", &region_sums, "labels"_a.noconvert(), "features"_a.noconvert(), "n"_a,
          "Sizes and summed features of regions; see napari_sen.core.graph.");
    m.def("merge", &merge, "edges"_a.noconvert(), "length"_a.noconvert(),
          "strength"_a.noconvert(), "sizes"_a.noconvert(), "sums"_a.noconvert(), "exponent"_a,
          "boundary_weight"_a, "border_exponent"_a = 0, "poll"_a.none() = nb::none(),
          "Pairs and costs of all merges in order; see napari_sen.core.hierarchy.");
    m.def("edge_costs", &edge_costs, "edges"_a.noconvert(), "length"_a.noconvert(),
          "strength"_a.noconvert(), "features"_a.noconvert(), "boundary_weight"_a,
          "|f_a - f_b| + boundary_weight * mean strength of every edge; see napari_sen.core.walk.");
    m.def("walk", &walk, "edges"_a.noconvert(), "length"_a.noconvert(), "cost"_a.noconvert(),
          "features"_a.noconvert(), "scale"_a, "steps"_a, "poll"_a.none() = nb::none(),
          "Differences along the edges after a number of steps; see napari_sen.core.walk.");
    m.def("relabel", &relabel, "labels"_a.noconvert(), "table"_a.noconvert(),
          "table[labels] for (z, y, x) int32 labels.");
    m.def("ultrametric", &ultrametric, "labels"_a.noconvert(), "children"_a.noconvert(),
          "heights"_a.noconvert(), "Heights of borders; see napari_sen.core.hierarchy.");
    m.def("border_values", &border_values, "labels"_a.noconvert(), "keys"_a.noconvert(),
          "values"_a.noconvert(), "Values of borders, drawn; see napari_sen.core.graph.");
    m.def("half_disc", &half_disc, "codes"_a.noconvert(), "turns"_a.noconvert(), "radius"_a,
          "step"_a, "weight"_a, "out"_a.noconvert(), "poll"_a.none() = nb::none(),
          "Add half-disc histogram differences; see napari_sen.core.strength.");
    m.def("correlate", &correlate, "values"_a.noconvert(), "weights"_a.noconvert(), "reflect"_a,
          "Correlate (outer, length, inner) along the middle; see napari_sen.core.gaussian.");
    m.def("thin", &thin, "map"_a.noconvert(),
          "Thin lines of a (y, x) uint8 map to one pixel, as skimage.morphology.thin does.");
    m.def("match_boundaries", &match_boundaries, "maps"_a.noconvert(), "truth"_a.noconvert(),
          "reach"_a.noconvert(),
          "Matched pixels of each of several (t, y, x) uint8 maps, and the costs; see "
          "napari_sen.evaluation.boundary_benchmark.");
}
