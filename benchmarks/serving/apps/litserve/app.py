import asyncio
import os
import time

import litserve

KIND, PORT = os.environ["BENCH_KIND"], int(os.environ["PORT"])


class Echo(litserve.LitAPI):
    def setup(self, device):
        pass

    def decode_request(self, request):
        return request["s"]

    def predict(self, s):
        return "hello " + s

    def encode_response(self, output):
        return {"output": output}


class Sleep(Echo):
    def predict(self, s):
        time.sleep(0.01)
        return "hello " + s


class Concurrent(Echo):
    async def decode_request(self, request):
        return request["s"]

    async def predict(self, s):
        await asyncio.sleep(0.01)
        return "hello " + s

    async def encode_response(self, output):
        return {"output": output}


class Stream(Echo):
    def predict(self, s):
        for _ in range(100):
            yield "hello " + s

    def encode_response(self, output):
        for item in output:
            yield {"output": item}


if __name__ == "__main__":
    api = {
        "echo": lambda: Echo(),
        "sleep": lambda: Sleep(),
        "parallel": lambda: Concurrent(enable_async=True),
        "stream": lambda: Stream(stream=True),
    }[KIND]()
    server = litserve.LitServer(api, accelerator="cpu", devices=1, workers_per_device=1)
    server.run(
        port=PORT,
        host="127.0.0.1",
        num_api_servers=1,
        generate_client_file=False,
        log_level="error",
    )
