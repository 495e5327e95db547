# The service in a container:
#
#   docker build -t rue .
#   docker run -p 5750:5750 -v rue-data:/var/lib/rue rue
#
# Mount a configuration of your own at /etc/rue/rued.yaml. `make docker` builds
# the image and tries it, without a daemon.

FROM debian:bookworm-slim AS build
RUN apt-get update -qq && \
    apt-get install -y -qq --no-install-recommends make
WORKDIR /src
# Packages change less often than sources: a layer of their own.
COPY Makefile ./
COPY tests/deps.sh tests/
RUN make deps-build
COPY . .
RUN make -j"$(nproc)" && \
    make install DESTDIR=/out PREFIX=/usr && \
    strip /out/usr/bin/* && \
    rm -r /out/usr/lib /out/usr/include
# Who may reach the port is decided outside of the container.
RUN sed -i 's|^listen: .*|listen: tcp://*:5750|' /out/etc/rue/rued.yaml && \
    grep -qxF 'listen: tcp://*:5750' /out/etc/rue/rued.yaml
# The packages of the shared libraries that the programs ask for.
RUN objdump -p /out/usr/bin/* | awk '$1 == "NEEDED" { print "*/" $2 }' | \
    sort -u | xargs dpkg -S | cut -d: -f1 | sort -u > /packages && \
    cat /packages

FROM debian:bookworm-slim
COPY --from=build /packages /usr/share/rue/
RUN apt-get update -qq && \
    xargs apt-get install -y -qq --no-install-recommends \
        < /usr/share/rue/packages && \
    rm -rf /var/lib/apt/lists/* && \
    useradd --uid 10001 --user-group --home-dir /var/lib/rue \
        --shell /usr/sbin/nologin rue && \
    install -d -o rue -g rue -m 750 /var/lib/rue
COPY --from=build /out/ /
USER rue
VOLUME /var/lib/rue
EXPOSE 5750
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s \
    CMD ["rue", "status", "--timeout", "4000"]
ENTRYPOINT ["rued"]
CMD ["--config", "/etc/rue/rued.yaml"]
