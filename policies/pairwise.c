#include "policies/pairwise.h"

void pairwise_side_number(struct pairwise_side *side)
{
    uint32_t next = 0;

    for (uint32_t i = 0; i < side->columns; i++) {
        uint32_t cuts = side->cut_start[i + 1] - side->cut_start[i];
        side->first[i] = next;
        next += cuts < 2 ? cuts : cuts + 1;
    }
    side->first[side->columns] = next;
    side->atoms = next + side->slots + side->names;
}

/* How many of the cuts lie at or below x. */
static uint32_t bin_of(const double *cuts, uint32_t count, double x)
{
    uint32_t low = 0, high = count;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (cuts[middle] <= x)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static bool find_name(
        const struct pairwise_side *side, uint64_t hash, uint32_t *place)
{
    uint32_t low = 0, high = side->names;

    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (side->name[middle] < hash)
            low = middle + 1;
        else
            high = middle;
    }
    *place = low;
    return low < side->names && side->name[low] == hash;
}

static uint32_t read_columns(const struct pairwise_side *side,
        const struct features *features, struct pairwise_atom *atoms)
{
    uint32_t count = 0;

    for (uint32_t i = 0; i < side->columns && i < features->dense_count; i++) {
        const double *cuts = side->cuts + side->cut_start[i];
        uint32_t cut_count = side->cut_start[i + 1] - side->cut_start[i];
        uint32_t bin = bin_of(cuts, cut_count, features->dense[i]);
        if (cut_count == 0 || (cut_count == 1 && bin == 0))
            continue;
        atoms[count++] = (struct pairwise_atom){
                side->first[i] + (cut_count == 1 ? 0 : bin), 1.0};
    }
    return count;
}

uint32_t pairwise_read(const struct pairwise_side *side,
        const struct features *features, uint32_t slot,
        struct pairwise_atom *atoms, uint32_t room)
{
    uint32_t places = side->first[side->columns];
    uint32_t count = read_columns(side, features, atoms);

    if (slot < side->slots)
        atoms[count++] = (struct pairwise_atom){places + slot, 1.0};
    for (uint32_t i = 0; i < features->named_count && count < room; i++) {
        uint32_t place;
        if (find_name(side, features->named[i].hash, &place))
            atoms[count++] = (struct pairwise_atom){
                    places + side->slots + place, features->named[i].value};
    }
    return count;
}

static void save_side(const struct pairwise_side *side, struct writer *writer)
{
    write_u32(writer, side->columns);
    write_u32(writer, side->slots);
    write_u32(writer, side->names);
    for (uint32_t i = 0; i < side->columns; i++)
        write_u32(writer, side->cut_start[i + 1] - side->cut_start[i]);
    write_f64s(writer, side->cuts, side->cut_start[side->columns]);
    for (uint32_t i = 0; i < side->names; i++)
        write_u64(writer, side->name[i]);
}

void pairwise_save(const struct pairwise_model *model, struct writer *writer)
{
    write_u8(writer, (uint8_t)model->loss);
    save_side(&model->context, writer);
    save_side(&model->action, writer);
    write_f64(writer, model->intercept);
    write_f64s(writer, model->context_main, model->context.atoms);
    write_f64s(writer, model->action_main, model->action.atoms);
    write_f64s(writer, model->pair,
            (size_t)model->context.atoms * model->action.atoms);
}
