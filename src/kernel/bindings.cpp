// Python bindings: only conversions and checks; the algorithms are in the headers.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/array.h>
#include <nanobind/stl/optional.h>

#include <array>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "snic.hpp"

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

static auto snic(const Array<float, 4> &features, const Array<int64_t, 1> &seeds,
                 std::array<double, 3> spatial_weight, bool corners,
                 std::optional<Array<uint8_t, 3>> mask, std::optional<Array<float, 3>> boundary,
                 std::optional<nb::callable> poll, bool wide) {
    sen::SnicProblem problem{};
    problem.features = features.data();
    problem.channels = int64_t(features.shape(3));
    problem.shape = {int64_t(features.shape(0)), int64_t(features.shape(1)),
                     int64_t(features.shape(2))};
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
    int32_t *data = labels.release();
    nb::capsule owner(data, [](void *p) noexcept { delete[] static_cast<int32_t *>(p); });
    return nb::ndarray<nb::numpy, int32_t, nb::ndim<3>>(
        data, {features.shape(0), features.shape(1), features.shape(2)}, owner);
}

NB_MODULE(_kernel, m) {
    m.doc() = "Compiled kernels; call them through napari_sen.core.";
    m.def("snic", &snic, "features"_a.noconvert(), "seeds"_a.noconvert(), "spatial_weight"_a,
          "corners"_a, "mask"_a.none() = nb::none(), "boundary"_a.none() = nb::none(),
          "poll"_a.none() = nb::none(), "wide"_a = false,
          "SNIC on (z, y, x, c) float32 features; see napari_sen.core.snic.snic.");
}
