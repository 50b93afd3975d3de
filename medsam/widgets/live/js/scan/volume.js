// A 3D image on its own grid, cut and turned as medsam/datasets/readers/volume.py does it.

const WORLD = { sagittal: 0, coronal: 1, axial: 2 }; // which axis of the patient a plane is cut along
const LETTERS = [["R", "L"], ["A", "P"], ["S", "I"]]; // the ends of right, anterior, superior
const ASIDE = 0.26; // sine of 15 degrees: from there on a second letter is needed

// shape: [columns, rows, slices] as stored. affine: from stored indices to mm in the patient's
// right, anterior, superior; null where a file does not tell. slabs: for each slice where its
// values begin in data, and the slope and intercept that they are read with.
export class Volume {
  constructor({ shape, affine, data, slabs }) {
    Object.assign(this, { shape, affine, data, slabs });
    this.turns = affine && orientation(affine);
  }

  // What can be looked at: planes whose pictures are more than a line.
  planes() {
    const names = this.turns ? ["axial", "coronal", "sagittal"] : ["stored"];
    const all = names.map((name) => {
      const [cut, row, column] = this.axes(name);
      return {
        name,
        count: this.shape[cut],
        size: [this.shape[row], this.shape[column]],
        spacing: this.affine && [row, column].map((axis) => length(this.step(axis))),
        sides: this.sides(row, column),
      };
    });
    return all.filter(({ size }) => Math.min(...size) > 1);
  }

  // Stored axes: the one that is cut, of the rows, of the columns of a picture.
  axes(plane) {
    if (plane === "stored") return [2, 1, 0];
    const [column, row] = [0, 1, 2].filter((world) => world !== WORLD[plane]);
    return [WORLD[plane], row, column].map((world) => this.turns.axis[world]);
  }

  step(axis) {
    return [0, 1, 2].map((world) => this.affine[world][axis]);
  }

  // Letters at the four sides of a picture; null where a file does not tell.
  sides(row, column) {
    if (!this.turns) return null;
    // Rows run from superior (or anterior) down, columns from the right (or anterior) on.
    const [down, on] = [row, column].map((axis) => this.step(axis).map((v) => -this.turns.sign[axis] * v));
    const back = (step) => letters(step.map((v) => -v));
    return { left: back(on), right: letters(on), top: back(down), bottom: letters(down) };
  }

  // Values of one slice, row by row, as float64.
  slice(plane, index) {
    const [cut, row, column] = this.axes(plane);
    const at = [0, 0, 0];
    const back = (axis) => plane !== "stored" && this.turns.sign[axis] > 0;
    const [rows, columns] = [this.shape[row], this.shape[column]];
    at[cut] = plane !== "stored" && this.turns.sign[cut] < 0 ? this.shape[cut] - 1 - index : index;
    const values = new Float64Array(rows * columns);
    for (let y = 0, n = 0; y < rows; y++) {
      at[row] = back(row) ? rows - 1 - y : y;
      for (let x = 0; x < columns; x++, n++) {
        at[column] = back(column) ? columns - 1 - x : x;
        const { offset, slope, intercept } = this.slabs[at[2]];
        values[n] = Number(this.data[offset + at[1] * this.shape[0] + at[0]]) * slope + intercept;
      }
    }
    return { values, rows, columns };
  }
}

// Stored axis of each of right, anterior, superior; and the sign of each stored axis. As nibabel's
// io_orientation: from the nearest matrix without shear, the clearest axis first.
export function orientation(affine) {
  const turn = withoutShear(affine);
  const [axis, sign, left] = [[], [], [0, 1, 2]];
  const weight = (stored) => Math.max(...turn.map((row) => row[stored] ** 2));
  for (const stored of [0, 1, 2].sort((a, b) => weight(b) - weight(a))) {
    const world = left.reduce((best, w) => (Math.abs(turn[w][stored]) > Math.abs(turn[best][stored]) ? w : best));
    left.splice(left.indexOf(world), 1);
    axis[world] = stored;
    sign[stored] = turn[world][stored] < 0 ? -1 : 1;
  }
  return { axis, sign };
}

// The orthogonal part of a matrix of unit steps, by Newton's method for the polar decomposition.
function withoutShear(affine) {
  const sides = [0, 1, 2].map((axis) => length([0, 1, 2].map((world) => affine[world][axis])));
  let turn = [0, 1, 2].map((world) => sides.map((side, axis) => affine[world][axis] / side));
  for (let i = 0; i < 60; i++) {
    const other = inverseTransposed(turn);
    if (!other) throw new Error("Its header tells no orientation. Allowed: three independent axes. Mend the file’s header.");
    turn = turn.map((row, r) => row.map((value, c) => (value + other[r][c]) / 2));
  }
  return turn;
}

function inverseTransposed(m) {
  const minor = (r, c) => {
    const [[a, b], [d, e]] = [[(r + 1) % 3, (r + 2) % 3], [(c + 1) % 3, (c + 2) % 3]];
    return m[a][d] * m[b][e] - m[a][e] * m[b][d];
  };
  const determinant = [0, 1, 2].reduce((sum, c) => sum + m[0][c] * minor(0, c), 0);
  if (!(Math.abs(determinant) > 1e-3)) return null;
  return [0, 1, 2].map((r) => [0, 1, 2].map((c) => minor(r, c) / determinant));
}

const length = (vector) => Math.hypot(...vector);

// Where a direction in the patient points to, its main letter first: "P", or "PL" where it slants.
export function letters(vector) {
  const whole = length(vector);
  return vector
    .map((value, world) => [Math.abs(value) / whole, LETTERS[world][value < 0 ? 1 : 0]])
    .filter(([part]) => part > ASIDE)
    .sort(([a], [b]) => b - a)
    .map(([, letter]) => letter)
    .join("");
}
