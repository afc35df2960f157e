// Runs ONNX files in ONNX Runtime. Usage: node run_onnx.js JOBS.json, a list of
// {"model": FILE, "input": NAME, "values": FILE of 32-bit floats, "dims": [...],
//  "outputs": {NAME: FILE to write}}; prints the version of the runtime.
const fs = require('fs');
const ort = require('onnxruntime-node');

async function main() {
  for (const job of JSON.parse(fs.readFileSync(process.argv[2], 'utf8'))) {
    const session = await ort.InferenceSession.create(job.model, {logSeverityLevel: 3});
    const bytes = fs.readFileSync(job.values);
    const values = new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
    const results = await session.run({[job.input]: new ort.Tensor('float32', values, job.dims)});
    for (const [name, file] of Object.entries(job.outputs)) {
      const data = results[name].data;
      fs.writeFileSync(file, Buffer.from(data.buffer, data.byteOffset, data.byteLength));
    }
  }
  console.log('onnxruntime-node ' + ort.env.versions.node);
}
main().catch((error) => { console.error(String(error)); process.exit(1); });
