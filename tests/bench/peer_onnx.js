// One encoding by ONNX Runtime, all in one process. Usage:
//   node peer_onnx.js MODEL.onnx TYPE ROWS SHAPE BATCH THREADS SOURCE OFFSET
// TYPE u8 or f32; SHAPE of a sample, 28x28; SOURCE a file whose values begin at OFFSET, or - for stdin. Says "ready" once model and
// runtime are warm; the work begins with a line or with the first bytes on stdin. Prints one JSON object.
const fs = require('fs');
const ort = require('onnxruntime-node');

const [model, type, rowsText, shapeText, batchText, threadsText, source, offsetText] = process.argv.slice(2);
const [rows, batch, threads, offset] = [rowsText, batchText, threadsText, offsetText].map(Number);
const shape = shapeText.split('x').map(Number);
const width = shape.reduce((a, b) => a * b, 1);
const size = type === 'u8' ? 1 : 4;

function fill(descriptor, bytes, position) {
  let done = 0;
  while (done < bytes.length) {
    let got;
    try {
      got = fs.readSync(descriptor, bytes, done, bytes.length - done, position === null ? null : position + done);
    } catch (error) {
      if (error.code === 'EAGAIN') continue;
      throw error;
    }
    if (got === 0) throw new Error('the source ends early');
    done += got;
  }
}

async function main() {
  const session = await ort.InferenceSession.create(model, {
    intraOpNumThreads: threads, interOpNumThreads: 1, executionMode: 'sequential',
    graphOptimizationLevel: 'all', logSeverityLevel: 3});
  const input = session.inputNames[0];
  const output = session.outputNames[0];
  const codes = [];
  const run = async (values, count) => {
    const result = await session.run({[input]: new ort.Tensor('float32', values, [count, ...shape])});
    return result[output].data;
  };
  for (let i = 0; i < 3; ++i) await run(new Float32Array(batch * width), batch);
  const bytes = Buffer.alloc(batch * width * size);
  const floats = type === 'u8' ? new Float32Array(batch * width)
                               : new Float32Array(bytes.buffer, bytes.byteOffset, batch * width);
  const stream = source === '-';
  const descriptor = stream ? 0 : fs.openSync(source, 'r');
  console.log('ready');
  if (!stream) fs.readSync(0, Buffer.alloc(1), 0, 1, null);
  const start = process.hrtime.bigint();
  for (let first = 0; first < rows; first += batch) {
    const count = Math.min(batch, rows - first);
    const part = bytes.subarray(0, count * width * size);
    fill(descriptor, part, stream ? null : offset + first * width * size);
    if (type === 'u8') floats.set(part);
    codes.push(await run(floats.subarray(0, count * width), count));
  }
  const seconds = Number(process.hrtime.bigint() - start) / 1e9;
  console.log(JSON.stringify({rate: rows / seconds, samples: codes.reduce((n, c) => n + c.length, 0)}));
}
main().catch((error) => { console.error(String(error)); process.exit(1); });
