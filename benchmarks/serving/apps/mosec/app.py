import os
import time

from mosec import Server, SSEWorker, Worker

KIND = os.environ["BENCH_KIND"]


class Echo(Worker):
    def forward(self, data):
        return {"output": "hello " + data["s"]}


class Sleep(Worker):
    def forward(self, data):
        time.sleep(0.01)
        return {"output": "hello " + data["s"]}


class Batch(Worker):
    """Mosec has no async workers; a batch is its way to answer 32 in the time of one."""

    def forward(self, data):
        time.sleep(0.01)
        return [{"output": "hello " + each["s"]} for each in data]


class Stream(SSEWorker):
    def forward(self, data):
        for _ in range(100):
            self.send_stream_event("hello " + data["s"], index=0)
        return {"output": "done"}


if __name__ == "__main__":
    server = Server()
    if KIND == "parallel":
        server.append_worker(Batch, num=1, max_batch_size=32, max_wait_time=1)
    else:
        server.append_worker({"echo": Echo, "sleep": Sleep, "stream": Stream}[KIND], num=1)
    server.run()
