#include "training/design.h"

#include "training/sides.h"

#include <stdlib.h>

/* A crowd of so many has a column of its own: less than it costs to make one.
 */
#define CROWD_LARGE 32u

/* ---- reading ---- */

/* Most atoms of one side in any lesson. */
static uint32_t most_atoms(
        const struct pairwise_model *model, const struct training_job *job)
{
    uint32_t named = 0;

    for (size_t i = 0; i < job->count; i++)
        for (int kind = 0; kind < 2; kind++) {
            uint32_t count =
                    side_features(&job->lessons[i], (enum side_kind)kind)
                            ->named_count;
            named = count > named ? count : named;
        }
    return model->context.columns + model->action.columns + 1 + named;
}

static uint32_t read_side(const struct pairwise_model *model,
        const struct lesson *lesson, enum side_kind kind,
        struct pairwise_atom *atoms, uint32_t room)
{
    bool context = kind == SIDE_OF_CONTEXT;
    uint32_t slot = context || lesson->actions->slot == NULL
            ? UINT32_MAX
            : lesson->actions->slot[lesson->chosen];

    return pairwise_read(context ? &model->context : &model->action,
            side_features(lesson, kind), slot, atoms, room);
}

/* The cells of one side of lessons in an order, one lesson's behind the
 * other's: from malloc, NULL without memory. `start` of [count + 1]. */
static struct design_cell *read_cells(const struct pairwise_model *model,
        const struct training_job *job, enum side_kind kind,
        const size_t *order, size_t *start)
{
    uint32_t room = most_atoms(model, job);
    struct pairwise_atom *atoms = calloc(room, sizeof(*atoms));
    struct design_cell *cells = NULL;
    size_t capacity = 0, used = 0;

    for (size_t i = 0; atoms != NULL && i < job->count; i++) {
        uint32_t count;
        if (used + room > capacity) {
            struct design_cell *more;
            capacity = 2 * (used + room) + 1024;
            more = realloc(cells, capacity * sizeof(*more));
            if (more == NULL) {
                free(cells);
                cells = NULL;
                break;
            }
            cells = more;
        }
        count = read_side(model, &job->lessons[order == NULL ? i : order[i]],
                kind, atoms, room);
        for (uint32_t k = 0; k < count; k++)
            cells[used++] =
                    (struct design_cell){atoms[k].place, (float)atoms[k].value};
        start[i + 1] = used;
    }
    free(atoms);
    return cells;
}

/* ---- crowds ---- */

/* A lesson's action, to sort by. */
struct own {
    size_t lesson, cell, cells;
    const struct design_cell *all;
};

static int by_cells(const struct own *x, const struct own *y)
{
    if (x->cells != y->cells)
        return x->cells < y->cells ? -1 : 1;
    for (size_t i = 0; i < x->cells; i++) {
        const struct design_cell *a = &x->all[x->cell + i];
        const struct design_cell *b = &y->all[y->cell + i];
        if (a->place != b->place)
            return a->place < b->place ? -1 : 1;
        if (a->value != b->value)
            return a->value < b->value ? -1 : 1;
    }
    return 0;
}

static int by_cells_and_lesson(const void *a, const void *b)
{
    const struct own *x = a, *y = b;
    int order = by_cells(x, y);

    return order != 0 ? order
                      : (x->lesson > y->lesson) - (x->lesson < y->lesson);
}

/* Rows in the order of their actions, and the crowds that they make. */
static void make_crowds(struct design *design, struct own *own)
{
    struct crowd *crowd = NULL;

    qsort(own, design->rows, sizeof(*own), by_cells_and_lesson);
    for (size_t i = 0; i < design->rows; i++) {
        design->lesson[i] = own[i].lesson;
        if (crowd == NULL || by_cells(&own[i - 1], &own[i]) != 0) {
            crowd = &design->crowds[design->crowd_count++];
            *crowd = (struct crowd){i, i, own[i].cell, own[i].cells};
        }
        crowd->end = i + 1;
    }
}

static bool find_crowds(struct design *design, const struct training_job *job)
{
    struct own *own = calloc(job->count + 1, sizeof(*own));
    bool done = false;

    design->actions =
            read_cells(design->model, job, SIDE_OF_ACTION, NULL, design->start);
    if (own != NULL && design->actions != NULL) {
        for (size_t i = 0; i < job->count; i++)
            own[i] = (struct own){i, design->start[i],
                    design->start[i + 1] - design->start[i], design->actions};
        make_crowds(design, own);
        done = true;
    }
    free(own);
    return done;
}

int design_open(struct design *design, const struct pairwise_model *model,
        const struct training_job *job, struct err *err)
{
    memset(design, 0, sizeof(*design));
    design->model = model;
    design->rows = job->count;
    design->lesson = calloc(job->count + 1, sizeof(*design->lesson));
    design->start = calloc(job->count + 1, sizeof(*design->start));
    design->crowds = calloc(job->count + 1, sizeof(*design->crowds));
    design->column = calloc(model->context.atoms + 1, sizeof(double));
    design->q = calloc(job->count + 1, sizeof(double));
    if (design->lesson != NULL && design->start != NULL &&
            design->crowds != NULL && design->column != NULL &&
            design->q != NULL && find_crowds(design, job))
        design->contexts = read_cells(
                model, job, SIDE_OF_CONTEXT, design->lesson, design->start);
    return design->contexts != NULL
            ? 0
            : err_set(err, STATUS_INTERNAL, "training: no memory");
}

void design_close(struct design *design)
{
    free(design->lesson);
    free(design->start);
    free(design->contexts);
    free(design->actions);
    free(design->crowds);
    free(design->column);
    free(design->q);
    memset(design, 0, sizeof(*design));
}

/* ---- products ---- */

static bool is_large(const struct crowd *crowd)
{
    return crowd->end - crowd->first >= CROWD_LARGE;
}

/* What a crowd's actions make of atom c's coefficients. */
static double gather(const struct design *design, const struct crowd *crowd,
        const double *w, uint32_t c)
{
    const struct design_cell *own = design->actions + crowd->cell;
    const double *line = w + 1 + design->model->context.atoms +
            (size_t)(c + 1) * design->model->action.atoms;
    double sum = w[1 + c];

    for (size_t k = 0; k < crowd->cells; k++)
        sum += line[own[k].place] * (double)own[k].value;
    return sum;
}

/* The other way: `x` of atom c to the coefficients. */
static void scatter(const struct design *design, const struct crowd *crowd,
        bool squares, double x, uint32_t c, double *out)
{
    const struct design_cell *own = design->actions + crowd->cell;
    double *line = out + 1 + design->model->context.atoms +
            (size_t)(c + 1) * design->model->action.atoms;

    out[1 + c] += x;
    for (size_t k = 0; k < crowd->cells; k++) {
        double z = (double)own[k].value;
        line[own[k].place] += x * (squares ? z * z : z);
    }
}

/* The same of what has no context. */
static double gather_main(
        const struct design *design, const struct crowd *crowd, const double *w)
{
    const struct design_cell *own = design->actions + crowd->cell;
    const double *main = w + 1 + design->model->context.atoms;
    double sum = w[0];

    for (size_t k = 0; k < crowd->cells; k++)
        sum += main[own[k].place] * (double)own[k].value;
    return sum;
}

static void scatter_main(const struct design *design, const struct crowd *crowd,
        bool squares, double x, double *out)
{
    const struct design_cell *own = design->actions + crowd->cell;
    double *main = out + 1 + design->model->context.atoms;

    out[0] += x;
    for (size_t k = 0; k < crowd->cells; k++) {
        double z = (double)own[k].value;
        main[own[k].place] += x * (squares ? z * z : z);
    }
}

static void crowd_times(const struct design *design, const struct crowd *crowd,
        const double *w, double *q)
{
    double base = gather_main(design, crowd, w), *column = design->column;
    bool large = is_large(crowd);

    for (uint32_t c = 0; large && c < design->model->context.atoms; c++)
        column[c] = gather(design, crowd, w, c);
    for (size_t row = crowd->first; row < crowd->end; row++) {
        double sum = base;
        for (size_t i = design->start[row]; i < design->start[row + 1]; i++) {
            const struct design_cell *cell = &design->contexts[i];
            sum += (double)cell->value *
                    (large ? column[cell->place]
                           : gather(design, crowd, w, cell->place));
        }
        q[row] = sum;
    }
}

static void crowd_add(const struct design *design, const struct crowd *crowd,
        const double *f, bool squares, double *out)
{
    uint32_t atoms = design->model->context.atoms;
    double *column = design->column, sum = 0.0;
    bool large = is_large(crowd);

    if (large)
        memset(column, 0, atoms * sizeof(*column));
    for (size_t row = crowd->first; row < crowd->end; row++) {
        sum += f[row];
        for (size_t i = design->start[row]; i < design->start[row + 1]; i++) {
            const struct design_cell *cell = &design->contexts[i];
            double x = (double)cell->value;
            x = f[row] * (squares ? x * x : x);
            if (large)
                column[cell->place] += x;
            else
                scatter(design, crowd, squares, x, cell->place, out);
        }
    }
    scatter_main(design, crowd, squares, sum, out);
    for (uint32_t c = 0; large && c < atoms; c++)
        scatter(design, crowd, squares, column[c], c, out);
}

void design_times(const struct design *design, const double *w, double *q)
{
    for (size_t i = 0; i < design->crowd_count; i++)
        crowd_times(design, &design->crowds[i], w, q);
}

void design_add(
        const struct design *design, const double *f, bool squares, double *out)
{
    for (size_t i = 0; i < design->crowd_count; i++)
        crowd_add(design, &design->crowds[i], f, squares, out);
}

void design_curvature(const struct design *design, const double *h,
        const double *v, double *out)
{
    for (size_t i = 0; i < design->crowd_count; i++) {
        const struct crowd *crowd = &design->crowds[i];
        crowd_times(design, crowd, v, design->q);
        for (size_t row = crowd->first; row < crowd->end; row++)
            design->q[row] *= h[row];
        crowd_add(design, crowd, design->q, false, out);
    }
}
